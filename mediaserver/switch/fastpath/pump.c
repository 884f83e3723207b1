/* The RTP pump's inner loop: one thread that sends each stream's packet on an absolute clock and takes what arrived.

   It does what happens fifty times a second for every call: frames out of clips, sequence numbers and timestamps, the
   source latch (latch.py), loss and jitter after RFC 3550 (stats.py). What happens once a key or once a prompt stays in
   Python and arrives there as events. The thread holds no Python object and never waits for the interpreter.

   Every CLARION_TICK_NS it wakes once, sends what is due, and empties each readable socket by at most BATCH datagrams:
   a flood on one call can neither starve the others nor take the processor. Arrival times are the kernel's own. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pump.h"

#define TICK_NS 2000000L
#define NS 1000000000L
/* Ticks (200 ms) of delay after which the lost time is given up instead of sent in a burst. */
#define GIVE_UP 100
/* Of the usual 20 ms. */
#define FRAME_TICKS 10
#define WHEEL 64
#define BATCH 4
#define READY 256
#define DATAGRAM 2048
#define LARGEST_FRAME 1280
#define CAPACITY 8192
#define KEY_STEPS 256
#define RING (1u << 21)
/* Audio leaves this much of the ring to keys and ends of plays, which must not be lost. */
#define RESERVE (1u << 18)
#define RTP_HEADER 12
#define CLOCK_RATE 8000
/* latch.py: a silence after which another source may take over. */
#define LATCH_SILENCE_NS (3 * NS)
/* stats.py: a jump of the sequence number larger than this is a restarted stream. */
#define MAX_DROPOUT 3000

typedef struct {
    struct sockaddr_storage at;
    socklen_t length;
} address;

typedef struct {
    const uint8_t **clips;
    size_t *sizes;
    size_t count, clip, offset;
    uint32_t play, frames;
    int on;
} playback;

typedef struct {
    uint8_t payload[4];
    uint8_t packet; /* 0: a frame of audio between two keys */
    uint8_t first;
} key_step;

typedef struct {
    uint32_t number; /* 0: free */
    int fd;
    clarion_form form;
    uint16_t sequence;
    uint32_t timestamp, key_timestamp;
    int sending, talking, listening;
    playback playing;
    uint32_t ended_play, ended_frames; /* an end that found no room among the events */
    int ended;
    key_step *keys;
    size_t key_at, key_count;
    address target, described, latched;
    int is_latched;
    int64_t heard_at;
    uint64_t sent, sent_octets;
    /* the present source */
    int has_source, begun;
    uint32_t far_ssrc;
    uint64_t received, lost_before;
    uint64_t segment_lost, segment_received;
    int64_t first, extended;
    double transit, jitter;
    uint32_t next; /* in its bucket: slot + 1 */
} stream;

struct clarion_pump {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int epoll, notify, closing;
    stream *streams;
    uint32_t used, active, serial;
    uint32_t free_list;
    uint32_t wheel[WHEEL];
    uint32_t load[WHEEL];
    int64_t epoch; /* when tick 0 was, or would have been without the time that was given up */
    uint64_t tick;
    uint8_t *ring;
    size_t head, tail; /* bytes written and taken since the start */
    int told;
    uint64_t dropped;
};

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

/* ---- events */

static void ring_put(clarion_pump *p, size_t at, const void *data, size_t length) {
    size_t start = at & (RING - 1), first = RING - start;
    if (first > length) first = length;
    memcpy(p->ring + start, data, first);
    memcpy(p->ring, (const uint8_t *)data + first, length - first);
}

static void ring_get(clarion_pump *p, size_t at, void *data, size_t length) {
    size_t start = at & (RING - 1), first = RING - start;
    if (first > length) first = length;
    memcpy(data, p->ring + start, first);
    memcpy((uint8_t *)data + first, p->ring, length - first);
}

static int tell(clarion_pump *p, uint32_t kind, uint32_t number, uint32_t a, uint32_t b, const void *data,
                size_t length) {
    size_t size = (sizeof(clarion_event) + length + 7) & ~(size_t)7;
    size_t room = RING - (p->head - p->tail);
    if (size + (kind == CLARION_AUDIO ? RESERVE : 0) > room) return 0;
    clarion_event event = {(uint32_t)size, kind, number, a, b, (uint32_t)length};
    ring_put(p, p->head, &event, sizeof event);
    if (length) ring_put(p, p->head + sizeof event, data, length);
    p->head += size;
    p->told = 1;
    return 1;
}

static void notify(clarion_pump *p) {
    uint64_t one = 1;
    if (p->told && write(p->notify, &one, sizeof one) == sizeof one) p->told = 0;
}

/* ---- sending */

static void end_play(clarion_pump *p, stream *s, int completed) {
    playback *playing = &s->playing;
    free(playing->clips);
    free(playing->sizes);
    playing->clips = NULL;
    playing->sizes = NULL;
    playing->on = 0;
    if (!completed) return;
    if (!tell(p, CLARION_PLAYED, s->number, playing->play, playing->frames, NULL, 0)) {
        s->ended = 1;
        s->ended_play = playing->play;
        s->ended_frames = playing->frames;
    }
}

/* The next frame, which may span clips; the last one is padded. 0 at the end. */
static int next_frame(clarion_pump *p, stream *s, uint8_t *frame) {
    playback *playing = &s->playing;
    size_t want = s->form.frame_bytes, have = 0;
    while (have < want && playing->clip < playing->count) {
        size_t left = playing->sizes[playing->clip] - playing->offset;
        size_t take = left < want - have ? left : want - have;
        memcpy(frame + have, playing->clips[playing->clip] + playing->offset, take);
        have += take;
        playing->offset += take;
        if (playing->offset == playing->sizes[playing->clip]) {
            playing->clip++;
            playing->offset = 0;
        }
    }
    if (!have) {
        end_play(p, s, 1);
        return 0;
    }
    memset(frame + have, s->form.silence, want - have);
    playing->frames++;
    return 1;
}

static void transmit(stream *s, uint8_t *packet, uint8_t kind, uint32_t timestamp, size_t length) {
    packet[0] = 0x80;
    packet[1] = kind;
    packet[2] = s->sequence >> 8;
    packet[3] = s->sequence & 0xff;
    uint32_t stamp = htonl(timestamp), ssrc = htonl(s->form.ssrc);
    memcpy(packet + 4, &stamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    s->sent++;
    s->sent_octets += length;
    /* A full buffer or a vanished route loses this packet as the network might; the next goes out a frame later. */
    (void)!sendto(s->fd, packet, RTP_HEADER + length, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&s->target.at,
                  s->target.length);
}

static int send_key(stream *s, uint8_t *packet) {
    key_step *step = &s->keys[s->key_at++];
    int sent = step->packet;
    if (sent) {
        if (step->first) s->key_timestamp = s->timestamp;
        memcpy(packet + RTP_HEADER, step->payload, 4);
        transmit(s, packet, (uint8_t)s->form.key_type | (step->first ? 0x80 : 0), s->key_timestamp, 4);
    }
    if (s->key_at == s->key_count) s->key_at = s->key_count = 0;
    return sent;
}

static void send_frame(clarion_pump *p, stream *s) {
    uint8_t packet[RTP_HEADER + LARGEST_FRAME];
    if (s->ended && tell(p, CLARION_PLAYED, s->number, s->ended_play, s->ended_frames, NULL, 0)) s->ended = 0;
    s->timestamp += s->form.frame_bytes;
    if (!s->sending) {
        s->talking = 0;
        return;
    }
    s->sequence++;
    if (s->key_count && send_key(s, packet)) return;
    uint8_t kind = s->form.payload_type;
    if (s->playing.on && next_frame(p, s, packet + RTP_HEADER)) {
        /* RFC 3551 4.1: the marker opens a talkspurt. */
        if (!s->talking) kind |= 0x80;
        s->talking = 1;
    } else {
        memset(packet + RTP_HEADER, s->form.silence, s->form.frame_bytes);
        s->talking = 0;
    }
    transmit(s, packet, kind, s->timestamp, s->form.frame_bytes);
}

static void schedule(clarion_pump *p, stream *s, uint64_t tick) {
    uint32_t bucket = tick % WHEEL;
    s->next = p->wheel[bucket];
    p->wheel[bucket] = (uint32_t)(s - p->streams) + 1;
    p->load[bucket]++;
}

static void send_tick(clarion_pump *p) {
    uint32_t bucket = p->tick % WHEEL, slot = p->wheel[bucket];
    p->wheel[bucket] = 0;
    p->load[bucket] = 0;
    while (slot) {
        stream *s = &p->streams[slot - 1];
        slot = s->next;
        send_frame(p, s);
        schedule(p, s, p->tick + s->form.frame_ticks);
    }
    p->tick++;
}

/* Where too much time was lost to catch up, the clock and the timestamps pass over whole frames of it. */
static void give_up(clarion_pump *p, uint64_t behind) {
    p->epoch += (int64_t)behind * TICK_NS;
    for (uint32_t slot = 0; slot < p->used; slot++) {
        stream *s = &p->streams[slot];
        if (!s->number) continue;
        s->timestamp += (uint32_t)(behind / s->form.frame_ticks) * s->form.frame_bytes;
        s->talking = 0;
    }
    tell(p, CLARION_STALLED, 0, (uint32_t)(behind * (TICK_NS / 1000000)), 0, NULL, 0);
}

/* ---- receiving */

static int same(const address *one, const address *other) {
    if (one->at.ss_family != other->at.ss_family) return 0;
    if (one->at.ss_family == AF_INET) {
        const struct sockaddr_in *a = (const void *)&one->at, *b = (const void *)&other->at;
        return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *a = (const void *)&one->at, *b = (const void *)&other->at;
    return a->sin6_port == b->sin6_port && !memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr);
}

static int accepted(stream *s, const address *source, int64_t now) {
    if (s->is_latched && same(source, &s->latched)) {
        s->heard_at = now;
        return 1;
    }
    if (!s->is_latched || same(source, &s->described) || now - s->heard_at > LATCH_SILENCE_NS) {
        s->latched = s->target = *source;
        s->is_latched = 1;
        s->heard_at = now;
        return 1;
    }
    return 0;
}

static uint64_t lost_of(const stream *s) {
    int64_t expected = s->begun ? s->extended - s->first + 1 : 0;
    int64_t lost = expected - (int64_t)s->segment_received;
    return s->segment_lost + (lost > 0 ? (uint64_t)lost : 0);
}

static void begin_segment(stream *s, uint16_t sequence, double transit) {
    s->begun = 1;
    s->first = s->extended = sequence;
    s->segment_received = 1;
    s->transit = transit;
}

static void count(stream *s, uint16_t sequence, uint32_t timestamp, double arrival, int timed) {
    s->received++;
    double transit = arrival - timestamp;
    if (!s->begun) {
        begin_segment(s, sequence, transit);
        return;
    }
    int step = (int16_t)(uint16_t)(sequence - (uint16_t)s->extended);
    if (step <= -MAX_DROPOUT || step >= MAX_DROPOUT) {
        s->segment_lost = lost_of(s);
        begin_segment(s, sequence, transit);
        return;
    }
    s->segment_received++;
    if (step > 0) s->extended += step;
    if (!timed) return;
    double difference = transit - s->transit;
    if (difference < 0) difference = -difference;
    s->transit = transit;
    /* A timestamp jump (a silence-suppressing or restarted clock) says nothing about the network. */
    if (difference < CLOCK_RATE) s->jitter += (difference - s->jitter) / 16;
}

static int whole(const uint8_t *data, size_t length) {
    if (length < RTP_HEADER || data[0] >> 6 != 2) return 0;
    size_t start = RTP_HEADER + 4 * (size_t)(data[0] & 0x0f), end = length;
    if (data[0] & 0x10) {
        if (start + 4 > length) return 0;
        start += 4 + 4 * (((size_t)data[start + 2] << 8) | data[start + 3]);
    }
    if (data[0] & 0x20) {
        size_t padding = data[length - 1];
        if (!padding || padding > length) return 0;
        end -= padding;
    }
    return start <= end;
}

static void take(clarion_pump *p, stream *s, const uint8_t *data, size_t length, const address *source, int64_t now,
                 double arrival) {
    if (!whole(data, length)) return;
    int kind = data[1] & 0x7f, is_key = s->form.key_type >= 0 && kind == s->form.key_type;
    if (!is_key && kind != 0 && kind != 8) return;
    if (!accepted(s, source, now)) return;
    uint32_t timestamp, ssrc;
    memcpy(&timestamp, data + 4, 4);
    memcpy(&ssrc, data + 8, 4);
    timestamp = ntohl(timestamp);
    ssrc = ntohl(ssrc);
    if (!s->has_source || ssrc != s->far_ssrc) {
        s->lost_before += lost_of(s);
        s->has_source = 1;
        s->far_ssrc = ssrc;
        s->begun = 0;
        s->segment_lost = s->segment_received = 0;
        s->jitter = 0;
    }
    count(s, (uint16_t)(data[2] << 8 | data[3]), timestamp, arrival, !is_key);
    if (is_key)
        tell(p, CLARION_KEY, s->number, 0, 0, data, length);
    else if (s->listening && !tell(p, CLARION_AUDIO, s->number, 0, 0, data, length))
        p->dropped++;
}

typedef struct {
    uint8_t data[BATCH][DATAGRAM];
    uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
    address from[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
} intake;

/* Seconds since 1970 by the kernel's clock at arrival: `now` where it gives none. */
static int64_t arrived_at(struct msghdr *message, int64_t now) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return (int64_t)t.tv_sec * NS + t.tv_nsec;
        }
    return now;
}

static void drain(clarion_pump *p, stream *s, intake *in, int64_t now, int64_t wall) {
    for (int i = 0; i < BATCH; i++) {
        struct msghdr *m = &in->messages[i].msg_hdr;
        in->parts[i] = (struct iovec){in->data[i], DATAGRAM};
        *m = (struct msghdr){.msg_name = &in->from[i].at,
                             .msg_namelen = sizeof in->from[i].at,
                             .msg_iov = &in->parts[i],
                             .msg_iovlen = 1,
                             .msg_control = in->control[i],
                             .msg_controllen = sizeof in->control[i]};
    }
    int got = recvmmsg(s->fd, in->messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) {
        struct msghdr *m = &in->messages[i].msg_hdr;
        if (m->msg_flags & MSG_TRUNC) continue;
        in->from[i].length = m->msg_namelen;
        double arrival = (double)arrived_at(m, wall) * CLOCK_RATE / NS;
        take(p, s, in->data[i], in->messages[i].msg_len, &in->from[i], now, arrival);
    }
}

static void receive(clarion_pump *p, intake *in) {
    struct epoll_event ready[READY];
    int64_t now = now_ns(CLOCK_MONOTONIC), wall = now_ns(CLOCK_REALTIME);
    /* Every socket is visited once at most: those that were read go to the end of the kernel's list. */
    for (uint32_t seen = 0; seen < p->active;) {
        int count = epoll_wait(p->epoll, ready, READY, 0);
        if (count <= 0) return;
        for (int i = 0; i < count; i++) drain(p, &p->streams[ready[i].data.u32], in, now, wall);
        seen += (uint32_t)count;
        if (count < READY) return;
    }
}

/* ---- the thread */

static void *run(void *argument) {
    clarion_pump *p = argument;
    intake *in = malloc(sizeof *in);
    sigset_t all;
    sigfillset(&all);
    /* Signals are the interpreter's. */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&p->lock);
    while (!p->closing && in) {
        if (!p->active) {
            notify(p);
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        uint64_t due = (uint64_t)((now_ns(CLOCK_MONOTONIC) - p->epoch) / TICK_NS);
        if (due > p->tick + GIVE_UP) {
            uint64_t behind = (due - p->tick) / FRAME_TICKS * FRAME_TICKS;
            give_up(p, behind);
            due -= behind;
        }
        while (p->tick <= due) send_tick(p);
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

static stream *find(clarion_pump *p, uint32_t number) {
    stream *s = &p->streams[number % CAPACITY];
    return number && s->number == number ? s : NULL;
}

static int resolve(address *to, const char *host, uint16_t port) {
    memset(to, 0, sizeof *to);
    struct sockaddr_in *four = (void *)&to->at;
    struct sockaddr_in6 *six = (void *)&to->at;
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        to->length = sizeof *four;
        return 1;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        to->length = sizeof *six;
        return 1;
    }
    return 0;
}

clarion_pump *clarion_open(int notify_fd) {
    clarion_pump *p = calloc(1, sizeof *p);
    if (!p) return NULL;
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
    for (uint32_t bucket = 0; bucket < WHEEL; bucket++) {
        uint32_t *link = &p->wheel[bucket], slot = (uint32_t)(s - p->streams) + 1;
        while (*link && *link != slot) link = &p->streams[*link - 1].next;
        if (*link) {
            *link = s->next;
            p->load[bucket]--;
            break;
        }
    }
    end_play(p, s, 0);
    free(s->keys);
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

/* A number whose slot (number % CAPACITY) is free; 0 when all are taken. Numbers do not come again for a long time. */
static uint32_t new_number(clarion_pump *p) {
    for (uint32_t tries = 0; tries < CAPACITY; tries++) {
        uint32_t number = ++p->serial;
        if (number && !p->streams[number % CAPACITY].number) return number;
    }
    return 0;
}

static void throw_away(int fd) {
    uint8_t byte;
    for (int most = 0; most < 4096 && recv(fd, &byte, 1, MSG_DONTWAIT) >= 0; most++) {}
}

/* The tick of the next frame_ticks whose bucket has the least to send. */
static uint64_t quiet_tick(const clarion_pump *p, uint16_t frame_ticks) {
    uint64_t best = p->tick;
    for (uint64_t tick = p->tick; tick < p->tick + frame_ticks; tick++)
        if (p->load[tick % WHEEL] < p->load[best % WHEEL]) best = tick;
    return best;
}

uint32_t clarion_add(clarion_pump *p, int fd, const clarion_form *form, const char *host, uint16_t port) {
    address to;
    if (!resolve(&to, host, port) || form->frame_bytes > LARGEST_FRAME || !form->frame_bytes ||
        !form->frame_ticks || form->frame_ticks >= WHEEL)
        return 0;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    throw_away(fd);
    pthread_mutex_lock(&p->lock);
    uint32_t number = new_number(p), slot = number % CAPACITY;
    stream *s = &p->streams[slot];
    struct epoll_event watch = {.events = EPOLLIN, .data.u32 = slot};
    if (!number || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &watch)) {
        pthread_mutex_unlock(&p->lock);
        return 0;
    }
    *s = (stream){.number = number,
                  .fd = fd,
                  .form = *form,
                  .sequence = form->first_sequence,
                  .timestamp = form->first_timestamp,
                  .sending = 1,
                  .target = to,
                  .described = to};
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

int clarion_change(clarion_pump *p, uint32_t number, const clarion_form *form, const char *host, uint16_t port) {
    address to;
    if (!resolve(&to, host, port)) return 0;
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) {
        s->form.payload_type = form->payload_type;
        s->form.silence = form->silence;
        s->form.key_type = form->key_type;
        if (!same(&to, &s->described)) {
            s->described = s->target = to;
            s->is_latched = 0;
        }
    }
    pthread_mutex_unlock(&p->lock);
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
    int64_t frames = -1;
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s && s->playing.on) {
        frames = s->playing.frames;
        end_play(p, s, 0);
    }
    pthread_mutex_unlock(&p->lock);
    return frames;
}

int clarion_keys(clarion_pump *p, uint32_t number, const uint8_t *payloads, size_t count, size_t gap) {
    int fits = 1;
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) {
        if (!s->keys) s->keys = calloc(KEY_STEPS, sizeof *s->keys);
        fits = s->keys && s->key_count + count + gap <= KEY_STEPS;
        for (size_t i = 0; fits && i < count; i++) {
            key_step *step = &s->keys[s->key_count++];
            *step = (key_step){.packet = 1, .first = i == 0};
            memcpy(step->payload, payloads + 4 * i, 4);
        }
        for (size_t i = 0; fits && i < gap; i++) s->keys[s->key_count++] = (key_step){.packet = 0};
    }
    pthread_mutex_unlock(&p->lock);
    return fits;
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

size_t clarion_events(clarion_pump *p, uint8_t *buffer, size_t room) {
    size_t taken = 0;
    pthread_mutex_lock(&p->lock);
    while (p->tail < p->head) {
        clarion_event event;
        ring_get(p, p->tail, &event, sizeof event);
        if (taken + event.size > room) break;
        ring_get(p, p->tail, buffer + taken, event.size);
        p->tail += event.size;
        taken += event.size;
    }
    if (p->tail < p->head) p->told = 1;
    pthread_mutex_unlock(&p->lock);
    return taken;
}

uint64_t clarion_dropped(clarion_pump *p) {
    pthread_mutex_lock(&p->lock);
    uint64_t dropped = p->dropped;
    pthread_mutex_unlock(&p->lock);
    return dropped;
}
