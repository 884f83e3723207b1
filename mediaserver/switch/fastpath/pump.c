/* The RTP pump's inner loop: one thread that sends each stream's packet on an absolute clock and takes what arrived.

   It does what happens fifty times a second for every call: frames out of clips, sequence numbers and timestamps, the
   source latch (latch.py), loss and jitter after RFC 3550 (stats.py). What happens once a key or once a prompt stays in
   Python and arrives there as events. The thread holds no Python object and never waits for the interpreter.

   Every TICK_NS (internal.h) it wakes once, sends what is due, and empties each readable socket by at most BATCH datagrams:
   a flood on one call can neither starve the others nor take the processor. Arrival times are the kernel's own. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

static void *run(void *argument) {
    clarion_pump *p = argument;
    intake *in = new_intake();
    sigset_t all;
    sigfillset(&all);
    /* Signals are the interpreter's. */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&p->lock);
    p->totals.thread = (int)syscall(SYS_gettid);
    while (!p->closing && in) {
        if (!p->active) {
            notify(p);
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        send_due(p);
        receive(p, in);
        notify(p);
        int64_t next = p->epoch + (int64_t)p->tick * TICK_NS;
        struct timespec until = {next / NS, next % NS};
        pthread_mutex_unlock(&p->lock);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    free(in);
    return NULL;
}

stream *find(clarion_pump *p, uint32_t number) {
    stream *s = &p->streams[number % CAPACITY];
    return number && s->number == number ? s : NULL;
}

clarion_pump *clarion_open(int notify_fd) {
    clarion_pump *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    make_g711();
    p->notify = notify_fd;
    p->streams = calloc(CAPACITY, sizeof *p->streams);
    p->ring = malloc(RING);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutexattr_t inherit;
    pthread_mutexattr_init(&inherit);
    /* Whoever holds the lock runs at the thread's priority while the thread waits for it. */
    pthread_mutexattr_setprotocol(&inherit, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&p->lock, &inherit);
    pthread_mutexattr_destroy(&inherit);
    pthread_cond_init(&p->wake, NULL);
    int failed = p->streams && p->ring && p->epoll >= 0 ? pthread_create(&p->thread, NULL, run, p) : ENOMEM;
    if (failed) {
        if (p->epoll >= 0) close(p->epoll);
        free(p->streams);
        free(p->ring);
        free(p);
        errno = failed;
        return NULL;
    }
    return p;
}

static void forget(clarion_pump *p, stream *s) {
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, s->fd, NULL);
    unschedule(p, s);
    leave(p, s);
    end_play(p, s, 0);
    free(s->keys);
    free(s->inset);
    free_security(s->security);
    clarion_g722_free(s->coder);
    clarion_g722_free(s->decoder);
    memset(s, 0, sizeof *s);
    p->active--;
}

void clarion_close(clarion_pump *p) {
    pthread_mutex_lock(&p->lock);
    p->closing = 1;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    for (uint32_t slot = 0; slot < p->used; slot++)
        if (p->streams[slot].number) forget(p, &p->streams[slot]);
    close(p->epoll);
    free(p->streams);
    free(p->ring);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p);
}

/* A number whose slot (number % CAPACITY) is the lowest free one, so that no more memory is touched than the most streams
   at one time need; 0 when all are taken. The slot's turn sets it apart from those before it there, for half a million turns. */
static uint32_t new_number(clarion_pump *p) {
    uint32_t slot = 0;
    while (slot < p->used && p->streams[slot].number) slot++;
    if (slot == CAPACITY) return 0;
    uint32_t number = ++p->turns[slot] * CAPACITY + slot;
    return number ? number : ++p->turns[slot] * CAPACITY + slot;
}

static void throw_away(int fd) {
    uint8_t byte;
    for (int most = 0; most < 4096 && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; most++) {}
}

/* The coders of a stream of G.722; of another there are none. */
static void set_coders(stream *s) {
    int wanted = s->form.payload_type == G722_TYPE;
    if (wanted && !s->coder) s->coder = clarion_g722();
    if (wanted && !s->decoder) s->decoder = clarion_g722();
    if (wanted) return;
    clarion_g722_free(s->coder);
    clarion_g722_free(s->decoder);
    s->coder = s->decoder = NULL;
}

static int is_length(const clarion_form *form) {
    return form->frame_ticks && form->frame_ticks * TICK_BYTES <= LARGEST_FRAME;
}

uint32_t clarion_add(clarion_pump *p, int fd, const clarion_form *form, const char *host, uint16_t port) {
    address to;
    if (!resolve(&to, host, port) || !is_length(form)) return 0;
    security *secured = form->srtp_tag ? make_security(form) : NULL;
    if (form->srtp_tag && !secured) return 0;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    throw_away(fd);
    pthread_mutex_lock(&p->lock);
    uint32_t number = new_number(p), slot = number % CAPACITY;
    stream *s = &p->streams[slot];
    struct epoll_event watch = {.events = EPOLLIN, .data.u32 = slot};
    if (!number || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &watch)) {
        pthread_mutex_unlock(&p->lock);
        free_security(secured);
        return 0;
    }
    *s = (stream){.number = number,
                  .fd = fd,
                  .form = *form,
                  .security = secured,
                  .asked_ticks = form->frame_ticks,
                  .sequence = form->first_sequence,
                  .timestamp = form->first_timestamp,
                  .sending = 1,
                  .target = to,
                  .described = to};
    set_coders(s);
    if (slot >= p->used) p->used = slot + 1;
    if (!p->active++) {
        p->epoch = now_ns(CLOCK_MONOTONIC);
        p->tick = 0;
        pthread_cond_signal(&p->wake);
    }
    schedule(p, s, quiet_tick(p, form->frame_ticks));
    pthread_mutex_unlock(&p->lock);
    return number;
}

void clarion_remove(clarion_pump *p, uint32_t number) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) forget(p, s);
    pthread_mutex_unlock(&p->lock);
}

/* Whether another form means other keys. */
static int rekeys(const stream *s, const clarion_form *form) {
    return s->form.srtp_tag != form->srtp_tag ||
           (form->srtp_tag && (memcmp(s->form.our_key, form->our_key, sizeof form->our_key) ||
                               memcmp(s->form.their_key, form->their_key, sizeof form->their_key)));
}

static void describe(stream *s, const clarion_form *form, const address *to) {
    if (s->form.payload_type != form->payload_type) s->inset_at = s->inset_size = 0;
    if (form->key_type < 0) s->key_at = s->key_count = 0;
    clarion_form changed = *form;
    s->asked_ticks = form->frame_ticks;
    if (s->room) changed.frame_ticks = s->form.frame_ticks;
    changed.ssrc = s->form.ssrc;
    s->form = changed;
    set_coders(s);
    if (!same(to, &s->described)) {
        s->described = s->target = *to;
        s->is_latched = 0;
    }
}

int clarion_change(clarion_pump *p, uint32_t number, const clarion_form *form, const char *host, uint16_t port) {
    address to;
    if (!resolve(&to, host, port) || !is_length(form)) return 0;
    security *fresh = form->srtp_tag ? make_security(form) : NULL;
    if (form->srtp_tag && !fresh) return 0;
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    security *unused = fresh;
    if (s && rekeys(s, form)) {
        unused = s->security;
        s->security = fresh;
    }
    if (s) describe(s, form, &to);
    pthread_mutex_unlock(&p->lock);
    free_security(unused);
    return 1;
}

void clarion_send(clarion_pump *p, uint32_t number, int on) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) s->sending = on;
    pthread_mutex_unlock(&p->lock);
}

void clarion_listen(clarion_pump *p, uint32_t number, int on) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) s->listening = on;
    pthread_mutex_unlock(&p->lock);
}

void clarion_tap(clarion_pump *p, uint32_t number, int on) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) s->tapped = on;
    pthread_mutex_unlock(&p->lock);
}

int clarion_play(clarion_pump *p, uint32_t number, uint32_t play, const uint8_t *const *clips, const size_t *sizes,
                 size_t count) {
    const uint8_t **mine = malloc((count + 1) * sizeof *mine);
    size_t *lengths = malloc((count + 1) * sizeof *lengths);
    if (!mine || !lengths) {
        free(mine);
        free(lengths);
        return 0;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (sizes[i]) {
            mine[kept] = clips[i];
            lengths[kept++] = sizes[i];
        }
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) {
        end_play(p, s, 0);
        s->playing = (playback){.clips = mine, .sizes = lengths, .count = kept, .play = play, .on = 1};
    } else {
        free(mine);
        free(lengths);
    }
    pthread_mutex_unlock(&p->lock);
    return 1;
}

int64_t clarion_stop(clarion_pump *p, uint32_t number) {
    int64_t heard_ms = -1;
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s && s->playing.on) {
        heard_ms = s->playing.heard_ms;
        end_play(p, s, 0);
    }
    pthread_mutex_unlock(&p->lock);
    return heard_ms;
}

static int room_for_keys(stream *s, size_t more) {
    size_t want = s->key_count + more;
    if (want <= s->key_room) return 1;
    size_t room = 2 * want < KEY_STEPS ? 2 * want : KEY_STEPS;
    key_step *larger = want <= KEY_STEPS ? realloc(s->keys, room * sizeof *larger) : NULL;
    if (!larger) return 0;
    s->keys = larger;
    s->key_room = room;
    return 1;
}

int clarion_keys(clarion_pump *p, uint32_t number, const uint8_t *payloads, size_t count, size_t gap) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    int fits = !s || room_for_keys(s, count + gap);
    for (size_t i = 0; s && fits && i < count + gap; i++) {
        key_step *step = &s->keys[s->key_count++];
        *step = (key_step){.packet = i < count, .first = i == 0};
        if (i < count) memcpy(step->payload, payloads + 4 * i, 4);
    }
    pthread_mutex_unlock(&p->lock);
    return fits;
}

int clarion_inset(clarion_pump *p, uint32_t number, const uint8_t *audio, size_t length) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    size_t waiting = s ? s->inset_size - s->inset_at : 0;
    uint8_t *joined = s && waiting + length <= MOST_INSET ? malloc(waiting + length + 1) : NULL;
    if (joined) {
        if (waiting) memcpy(joined, s->inset + s->inset_at, waiting);
        if (length) memcpy(joined + waiting, audio, length);
        free(s->inset);
        s->inset = joined;
        s->inset_at = 0;
        s->inset_size = waiting + length;
    }
    pthread_mutex_unlock(&p->lock);
    return !s || joined;
}

int clarion_stats_of(clarion_pump *p, uint32_t number, clarion_stats *out) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s)
        *out = (clarion_stats){.sent = s->sent,
                               .sent_octets = s->sent_octets,
                               .timestamp = s->timestamp,
                               .far_ssrc = s->far_ssrc,
                               .received = s->received,
                               .lost = s->lost_before + lost_of(s),
                               .highest = (uint32_t)s->extended,
                               .expected = s->begun ? (uint64_t)(s->extended - s->first + 1) : 0,
                               .arrived = s->segment_received,
                               .jitter = s->jitter,
                               .heard = s->has_source};
    pthread_mutex_unlock(&p->lock);
    return s != NULL;
}
