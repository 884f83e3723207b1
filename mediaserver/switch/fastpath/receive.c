/* What comes in: whose it is (latch.py), what was lost (stats.py, RFC 3550), and whether Python wants it. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "internal.h"

#define BATCH 4
#define READY 256
#define DATAGRAM 2048
/* RFC 3389: what is sent instead of silence. It is a sign of the far end, and no audio. */
#define COMFORT_NOISE 13

static int accepted(stream *s, const address *source, int64_t now) {
    if (s->is_latched && same(source, &s->latched)) {
        s->heard_at = now;
        return 1;
    }
    int known = same_host(source, &s->latched) || same_host(source, &s->described);
    int64_t silence = known ? LATCH_SILENCE_NS : LATCH_LONG_SILENCE_NS;
    if (!s->is_latched || same(source, &s->described) || now - s->heard_at > silence) {
        s->latched = s->target = *source;
        s->is_latched = 1;
        s->heard_at = now;
        return 1;
    }
    return 0;
}

uint64_t lost_of(const stream *s) {
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

/* Where the payload begins and ends; 0 for what is no RTP version 2 packet. */
static int bounds(const uint8_t *data, size_t length, size_t *start, size_t *end) {
    if (length < RTP_HEADER || data[0] >> 6 != 2) return 0;
    *start = RTP_HEADER + 4 * (size_t)(data[0] & 0x0f);
    *end = length;
    if (data[0] & 0x10) {
        if (*start + 4 > length) return 0;
        *start += 4 + 4 * (((size_t)data[*start + 2] << 8) | data[*start + 3]);
    }
    if (data[0] & 0x20) {
        size_t padding = data[length - 1];
        if (!padding || padding > length) return 0;
        *end -= padding;
    }
    return *start <= *end;
}

static void take(clarion_pump *p, stream *s, uint8_t *data, size_t length, const address *source, int64_t now,
                 double arrival) {
    size_t start, end;
    p->totals.strange++;
    /* Before anything is believed of it, where it comes from above all. */
    if (s->security && (length < RTP_HEADER || !(length = unprotect(s->security, data, length, 0)))) return;
    if (!bounds(data, length, &start, &end)) return;
    int kind = data[1] & 0x7f, is_key = s->form.key_type >= 0 && kind == s->form.key_type;
    int is_wide = kind == G722_TYPE && s->decoder;
    if (!is_key && kind != 0 && kind != 8 && !is_wide && kind != COMFORT_NOISE) return;
    if (!accepted(s, source, now)) return;
    p->totals.strange--;
    p->totals.received++;
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
    if (is_key) {
        tell(p, CLARION_KEY, s->number, 0, 0, data, length);
        return;
    }
    if (kind == COMFORT_NOISE) return;
    if (!s->form.hears_tones && !s->room && !s->listening) return;
    if (is_wide) {
        /* From here on it is mu-law. */
        g722_to_ulaw(s->decoder, data + start, end - start);
        data[1] &= 0x80;
        kind = 0;
    }
    if (s->form.hears_tones) hear_tones(p, s, data + start, end - start, kind);
    if (s->room) say(s, data + start, end - start, timestamp, kind);
    if (s->listening && !tell(p, CLARION_AUDIO, s->number, 0, 0, data, length)) p->totals.dropped++;
}

struct intake {
    _Alignas(8) uint8_t data[BATCH][DATAGRAM];
    uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
    address from[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
};

intake *new_intake(void) {
    return malloc(sizeof(intake));
}

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

void receive(clarion_pump *p, intake *in) {
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
