/* What goes out: a frame of the play, a key or silence, on the tick of the stream. */

#include <stdlib.h>
#include <string.h>

#include "internal.h"

void end_play(clarion_pump *p, stream *s, int completed) {
    playback *playing = &s->playing;
    free(playing->clips);
    free(playing->sizes);
    playing->clips = NULL;
    playing->sizes = NULL;
    playing->on = 0;
    if (!completed) return;
    if (!tell(p, CLARION_PLAYED, s->number, playing->play, playing->heard_ms, NULL, 0)) {
        s->ended = 1;
        s->ended_play = playing->play;
        s->ended_ms = playing->heard_ms;
    }
}

/* The next frame, which may span clips; the last one is padded. 0 at the end. */
static int next_frame(clarion_pump *p, stream *s, uint8_t *frame) {
    playback *playing = &s->playing;
    size_t want = frame_bytes(s), have = 0;
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
    playing->heard_ms += s->form.frame_ticks * (uint32_t)(TICK_NS / 1000000);
    return 1;
}

/* The next frame of what goes before all else; 0 when there is none. */
static int inset_frame(stream *s, uint8_t *frame) {
    size_t want = frame_bytes(s), left = s->inset_size - s->inset_at, take = left < want ? left : want;
    if (!left) return 0;
    memcpy(frame, s->inset + s->inset_at, take);
    memset(frame + take, s->form.silence, want - take);
    s->inset_at += take;
    return 1;
}

static void transmit(clarion_pump *p, stream *s, uint8_t *packet, uint8_t kind, uint32_t timestamp, size_t length) {
    packet[0] = 0x80;
    packet[1] = kind;
    packet[2] = s->sequence >> 8;
    packet[3] = s->sequence & 0xff;
    uint32_t stamp = htonl(timestamp), ssrc = htonl(s->form.ssrc);
    memcpy(packet + 4, &stamp, 4);
    memcpy(packet + 8, &ssrc, 4);
    s->sent++;
    s->sent_octets += length;
    size_t size = RTP_HEADER + length;
    if (s->security) size = protect(s->security, packet, size, 0);
    /* A full buffer or a vanished route loses this packet as the network might; the next goes out a frame later. */
    if (!size || sendto(s->fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&s->target.at,
               s->target.length) < 0)
        p->totals.unsent++;
    p->totals.sent++;
}

static int send_key(clarion_pump *p, stream *s, uint8_t *packet) {
    key_step *step = &s->keys[s->key_at++];
    int sent = step->packet;
    if (sent) {
        if (step->first) s->key_timestamp = s->timestamp;
        memcpy(packet + RTP_HEADER, step->payload, 4);
        transmit(p, s, packet, (uint8_t)s->form.key_type | (step->first ? 0x80 : 0), s->key_timestamp, 4);
    }
    if (s->key_at == s->key_count) s->key_at = s->key_count = 0;
    return sent;
}

static void send_frame(clarion_pump *p, stream *s) {
    _Alignas(8) uint8_t packet[RTP_HEADER + LARGEST_FRAME + SECURED];
    const size_t length = frame_bytes(s);
    if (s->ended && tell(p, CLARION_PLAYED, s->number, s->ended_play, s->ended_ms, NULL, 0)) s->ended = 0;
    s->timestamp += (uint32_t)length;
    if (!s->sending) {
        s->talking = 0;
        return;
    }
    s->sequence++;
    if (s->key_count && send_key(p, s, packet)) return;
    uint8_t kind = s->form.payload_type;
    int talks = inset_frame(s, packet + RTP_HEADER) || (s->playing.on && next_frame(p, s, packet + RTP_HEADER));
    if (!talks) memset(packet + RTP_HEADER, s->form.silence, length);
    if (s->room) talks = mix(p, s, packet + RTP_HEADER, talks);
    /* RFC 3551 4.1: the marker opens a talkspurt. */
    if (talks && !s->talking) kind |= 0x80;
    s->talking = talks;
    const uint8_t *payload = packet + RTP_HEADER;
    if (s->tapped && !tell(p, CLARION_SPOKEN, s->number, s->form.payload_type, 0, payload, length))
        p->totals.dropped++;
    /* Last: what it sends may be unreadable afterwards. */
    if (s->coder) g722_from_ulaw(s->coder, packet + RTP_HEADER, length);
    transmit(p, s, packet, kind, s->timestamp, length);
}

void schedule(clarion_pump *p, stream *s, uint64_t tick) {
    uint32_t bucket = tick % WHEEL;
    s->next = p->wheel[bucket];
    p->wheel[bucket] = (uint32_t)(s - p->streams) + 1;
    p->load[bucket]++;
    s->bucket = bucket;
}

void unschedule(clarion_pump *p, stream *s) {
    uint32_t *link = &p->wheel[s->bucket], slot = (uint32_t)(s - p->streams) + 1;
    while (*link && *link != slot) link = &p->streams[*link - 1].next;
    if (!*link) return;
    *link = s->next;
    p->load[s->bucket]--;
}

/* The tick of the next frame_ticks whose bucket has the least to send. */
uint64_t quiet_tick(const clarion_pump *p, uint16_t frame_ticks) {
    uint64_t best = p->tick;
    for (uint64_t tick = p->tick; tick < p->tick + frame_ticks; tick++)
        if (p->load[tick % WHEEL] < p->load[best % WHEEL]) best = tick;
    return best;
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

/* Where too much time was lost to catch up, the clock and the timestamps pass over it. */
static void give_up(clarion_pump *p, uint64_t behind) {
    p->epoch += (int64_t)behind * TICK_NS;
    p->totals.given_up += behind;
    for (uint32_t slot = 0; slot < p->used; slot++) {
        stream *s = &p->streams[slot];
        if (!s->number) continue;
        s->timestamp += (uint32_t)behind * TICK_BYTES;
        s->talking = 0;
    }
    tell(p, CLARION_STALLED, 0, (uint32_t)(behind * (TICK_NS / 1000000)), 0, NULL, 0);
}

/* `packets` left on a tick that was `late`. */
static void note_lateness(clarion_totals *totals, uint64_t packets, int64_t late) {
    static const int64_t bounds[] = {1, 2, 5, 10, 20, 50, 100, 200};
    int bucket = 0;
    while (bucket < CLARION_LATE_BUCKETS - 1 && late > bounds[bucket] * 1000000) bucket++;
    totals->late[bucket] += packets;
    totals->late_seconds += (double)packets * (double)late / NS;
}

/* Sends what is due by now. Where too much time was lost to catch up, it is given up. */
void send_due(clarion_pump *p) {
    int64_t now = now_ns(CLOCK_MONOTONIC);
    uint64_t due = (uint64_t)((now - p->epoch) / TICK_NS);
    if (due > p->tick + GIVE_UP) {
        uint64_t behind = (due - p->tick) / FRAME_TICKS * FRAME_TICKS;
        give_up(p, behind);
        due -= behind;
    }
    while (p->tick <= due) {
        int64_t late = now - (p->epoch + (int64_t)p->tick * TICK_NS);
        uint64_t before = p->totals.sent;
        send_tick(p);
        note_lateness(&p->totals, p->totals.sent - before, late);
    }
}
