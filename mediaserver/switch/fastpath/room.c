/* Streams that hear each other: a bridge, a conference, a supervisor who listens, whispers or joins in.

   Who hears whom is a bit for each pair, so all of these are the same room with other bits. What a member says is kept
   in linear samples until the room's tick, when every member's next 20 ms are taken once and mixed for each listener.
   All members are sent to on one tick, so a word waits 20 ms for it at most, and longer only where its packets come
   unevenly: the wait grows by a frame when one is missing, and shrinks when the last five seconds never needed it. */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define LATEST (VOICE / 2)
/* Pulls (5 s) after which a wait that was never needed shrinks. */
#define REVIEW 250

/* ---- what a member says */

static void start_voice(voice *v, uint32_t timestamp) {
    memset(v->samples, 0, sizeof v->samples);
    v->read = v->end = timestamp;
    v->least = INT_MAX;
    v->pulls = 0;
    v->begun = 1;
}

void say(stream *s, const uint8_t *payload, size_t length, uint32_t timestamp, int payload_type) {
    voice *v = s->voice;
    const int16_t *table = g711_from[payload_type == 8];
    if (length > LATEST) return;
    int32_t ahead = v->begun ? (int32_t)(timestamp - v->end) : INT_MAX;
    /* A jump is a restarted clock, or the end of a long silence. */
    if (ahead > LATEST || ahead < -LATEST) start_voice(v, timestamp);
    for (size_t i = 0; i < length; i++) {
        uint32_t at = timestamp + (uint32_t)i;
        if ((int32_t)(at - v->read) < 0) continue; /* too late */
        v->samples[at % VOICE] = table[payload[i]];
        if ((int32_t)(at + 1 - v->end) > 0) v->end = at + 1;
    }
    if ((int32_t)(v->end - v->read) > LATEST) {
        /* More than a quarter of a second waits: nobody has pulled, or a burst came. The newest is what counts. */
        uint32_t keep = v->end - 2 * FRAME_SAMPLES;
        for (; v->read != keep; v->read++) v->samples[v->read % VOICE] = 0;
    }
}

static void skip(voice *v, int16_t *into) {
    for (int i = 0; i < FRAME_SAMPLES; i++, v->read++) {
        int16_t *sample = &v->samples[v->read % VOICE];
        if (into) into[i] = *sample;
        *sample = 0;
    }
}

/* Its next 20 ms, once for all listeners of the tick; NULL while it is silent. */
static const int16_t *pull(clarion_pump *p, stream *s) {
    voice *v = s->voice;
    if (!v->begun) return NULL;
    if (v->pulled != p->tick + 1) {
        int32_t waiting = (int32_t)(v->end - v->read);
        v->pulled = p->tick + 1;
        v->speaks = waiting >= FRAME_SAMPLES;
        if (v->speaks) {
            skip(v, v->frame);
            if (waiting < v->least) v->least = waiting;
            if (++v->pulls == REVIEW) {
                if (v->least >= 2 * FRAME_SAMPLES) skip(v, NULL);
                v->least = INT_MAX;
                v->pulls = 0;
            }
        }
    }
    return v->speaks ? v->frame : NULL;
}

/* Replaces the frame of a member by all that it hears, and its own play on top. */
int mix(clarion_pump *p, stream *s, uint8_t *frame, int plays) {
    const int alaw = s->form.payload_type == 8;
    const int16_t *own = g711_from[alaw];
    const uint8_t *encode = g711_to[alaw];
    room *r = &p->rooms[s->room - 1];
    int32_t sum[FRAME_SAMPLES];
    int heard = plays;
    for (int i = 0; i < FRAME_SAMPLES; i++) sum[i] = plays ? own[frame[i]] : 0;
    for (int member = 0; member < ROOM_MEMBERS; member++) {
        if (!r->members[member] || !(s->hears & 1u << member)) continue;
        const int16_t *said = pull(p, &p->streams[r->members[member] - 1]);
        if (!said) continue;
        heard = 1;
        for (int i = 0; i < FRAME_SAMPLES; i++) sum[i] += said[i];
    }
    if (!heard) return 0;
    for (int i = 0; i < FRAME_SAMPLES; i++) {
        int32_t sample = sum[i] > INT16_MAX ? INT16_MAX : sum[i] < INT16_MIN ? INT16_MIN : sum[i];
        frame[i] = encode[(uint16_t)(int16_t)sample];
    }
    return 1;
}

/* ---- rooms */

void leave(clarion_pump *p, stream *s) {
    if (!s->room) return;
    room *r = &p->rooms[s->room - 1];
    for (int member = 0; member < ROOM_MEMBERS; member++)
        if (r->members[member]) p->streams[r->members[member] - 1].hears &= ~(1u << s->member);
    r->members[s->member] = 0;
    r->count--;
    s->room = 0;
    s->hears = 0;
    s->form.frame_ticks = s->asked_ticks;
    free(s->voice);
    s->voice = NULL;
}

/* The next tick on which the others of the room are sent to; for the first member its own, where that is soon. */
static void fall_in(clarion_pump *p, stream *s, const room *r) {
    for (int member = 0; member < ROOM_MEMBERS; member++) {
        stream *other = r->members[member] ? &p->streams[r->members[member] - 1] : s;
        if (other == s) continue;
        unschedule(p, s);
        for (uint64_t tick = p->tick; tick < p->tick + FRAME_TICKS; tick++)
            if (tick % WHEEL == other->bucket) {
                schedule(p, s, tick);
                return;
            }
        schedule(p, s, quiet_tick(p, FRAME_TICKS));
        return;
    }
    if (s->asked_ticks <= FRAME_TICKS) return;
    unschedule(p, s);
    schedule(p, s, quiet_tick(p, FRAME_TICKS));
}

int clarion_join(clarion_pump *p, uint32_t room_number, uint32_t number) {
    int joined = 0;
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    room *r = room_number && room_number <= ROOMS ? &p->rooms[room_number - 1] : NULL;
    if (s && r && r->count < ROOM_MEMBERS) {
        voice *fresh = calloc(1, sizeof *fresh);
        if (fresh) {
            leave(p, s);
            s->voice = fresh;
            s->form.frame_ticks = FRAME_TICKS;
            for (s->member = 0; r->members[s->member]; s->member++) {}
            r->members[s->member] = (uint32_t)(s - p->streams) + 1;
            r->count++;
            s->room = room_number;
            fall_in(p, s, r);
            joined = 1;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return joined;
}

void clarion_leave(clarion_pump *p, uint32_t number) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, number);
    if (s) leave(p, s);
    pthread_mutex_unlock(&p->lock);
}

int clarion_hear(clarion_pump *p, uint32_t listener, uint32_t speaker, int on) {
    pthread_mutex_lock(&p->lock);
    stream *s = find(p, listener), *other = find(p, speaker);
    int together = s && other && s != other && s->room && s->room == other->room;
    if (together && on) s->hears |= 1u << other->member;
    if (together && !on) s->hears &= ~(1u << other->member);
    pthread_mutex_unlock(&p->lock);
    return together;
}

uint32_t clarion_room(clarion_pump *p) {
    uint32_t found = 0;
    pthread_mutex_lock(&p->lock);
    for (uint32_t tries = 0; tries < ROOMS && !found; tries++) {
        uint32_t number = ++p->last_room % ROOMS;
        if (!p->rooms[number].taken) {
            p->rooms[number] = (room){.taken = 1};
            found = number + 1;
        }
    }
    pthread_mutex_unlock(&p->lock);
    return found;
}

void clarion_close_room(clarion_pump *p, uint32_t room_number) {
    if (!room_number || room_number > ROOMS) return;
    pthread_mutex_lock(&p->lock);
    room *r = &p->rooms[room_number - 1];
    for (int member = 0; member < ROOM_MEMBERS; member++)
        if (r->members[member]) leave(p, &p->streams[r->members[member] - 1]);
    r->taken = 0;
    pthread_mutex_unlock(&p->lock);
}
