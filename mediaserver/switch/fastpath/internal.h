/* What the files of the fast path share. Whoever touches a stream or the ring holds the pump's lock. */

#ifndef CLARION_INTERNAL_H
#define CLARION_INTERNAL_H

#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>

#include "pump.h"

#define TICK_NS 2000000L
#define NS 1000000000L
/* Ticks (200 ms) of delay after which the lost time is given up instead of sent in a burst. */
#define GIVE_UP 100
/* Of the usual 20 ms. */
#define FRAME_TICKS 10
#define WHEEL 64
/* Of 60 ms. */
#define LARGEST_FRAME 480
/* Payload bytes and timestamp steps of a tick: G.711 and G.722 alike have 8 of them in a millisecond. */
#define TICK_BYTES 16
#define CAPACITY 8192
/* Of keys that wait: some 7,000 keys. */
#define KEY_STEPS 65536
/* Bytes of audio that goes before all else (10 minutes). */
#define MOST_INSET 4800000u
#define RING (1u << 21)
/* Audio leaves this much of the ring to keys and ends of plays, which must not be lost. */
#define RESERVE (1u << 18)
#define RTP_HEADER 12
#define CLOCK_RATE 8000
/* Of a frame in a room. */
#define FRAME_SAMPLES 160
/* Samples in which a key's tones are looked for. */
#define TONE_BLOCK 102
/* Samples kept of each member; a power of two. */
#define VOICE 4096
#define ROOMS 1024
#define ROOM_MEMBERS 8
/* latch.py: a silence after which another port of a known machine may take over, and anybody. */
#define LATCH_SILENCE_NS (3 * NS)
#define LATCH_LONG_SILENCE_NS (15 * NS)
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
    uint32_t play, heard_ms;
    int on;
} playback;

/* Linear samples of a member of a room, by RTP timestamp; from `read` to `end` they wait to be heard. */
typedef struct {
    int16_t samples[VOICE], frame[FRAME_SAMPLES];
    uint32_t read, end;
    int32_t least;   /* that waited at a pull since the last review */
    int pulls, begun, speaks;
    uint64_t pulled; /* tick + 1 of `frame` */
} voice;

/* What was heard of keys in the audio: the key of the last block, and the one that is down, 0 for none. */
typedef struct {
    float block[TONE_BLOCK];
    int filled, misses;
    char last, held;
} tone_ear;

typedef struct security security;

typedef struct {
    uint32_t members[ROOM_MEMBERS]; /* slot + 1, 0: nobody */
    int count, taken;
} room;

typedef struct {
    uint8_t payload[4];
    uint8_t packet; /* 0: a frame of audio between two keys */
    uint8_t first;
} key_step;

typedef struct {
    uint32_t number; /* 0: free */
    int fd;
    clarion_form form;
    uint16_t asked_ticks; /* `form.frame_ticks` outside a room */
    uint16_t sequence;
    uint32_t timestamp, key_timestamp;
    int sending, talking, listening, tapped;
    playback playing;
    uint8_t *inset; /* audio that goes before everything else; ours */
    size_t inset_at, inset_size;
    tone_ear tones;
    security *security; /* NULL: plain RTP */
    g722 *coder, *decoder; /* of a stream of G.722, else NULL */
    uint32_t ended_play, ended_ms; /* an end that found no room among the events */
    int ended;
    key_step *keys;
    size_t key_at, key_count, key_room;
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
    uint32_t next, bucket; /* `next` in its bucket: slot + 1 */
    uint32_t room, hears;  /* `hears`: a bit for each member of the room */
    int member;
    voice *voice; /* while in a room */
} stream;

struct clarion_pump {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int epoll, notify, closing;
    stream *streams;
    uint32_t used, active;
    uint32_t turns[CAPACITY]; /* how often each slot was taken */
    uint32_t wheel[WHEEL];
    uint32_t load[WHEEL];
    int64_t epoch; /* when tick 0 was, or would have been without the time that was given up */
    uint64_t tick;
    uint8_t *ring;
    size_t head, tail; /* bytes written and taken since the start */
    int told;
    clarion_totals totals;
    room rooms[ROOMS];
    uint32_t last_room;
};

static inline int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

/* events.c: 0 where there is no room. */
int tell(clarion_pump *p, uint32_t kind, uint32_t number, uint32_t a, uint32_t b, const void *data, size_t length);
void notify(clarion_pump *p);

/* address.c: 0 for a host that is no numeric address. */
int resolve(address *to, const char *host, uint16_t port);
int same(const address *one, const address *other);
int same_host(const address *one, const address *other);

/* send.c */
void end_play(clarion_pump *p, stream *s, int completed);
void schedule(clarion_pump *p, stream *s, uint64_t tick);
void unschedule(clarion_pump *p, stream *s);
uint64_t quiet_tick(const clarion_pump *p, uint16_t frame_ticks);
void send_due(clarion_pump *p);

/* pump.c: NULL when it is gone. */
stream *find(clarion_pump *p, uint32_t number);

static inline size_t frame_bytes(const stream *s) {
    return (size_t)s->form.frame_ticks * TICK_BYTES;
}

/* room.c: `payload` of G.711 from a member; what a listener gets, 0 when nobody speaks; out of its room. */
void say(stream *s, const uint8_t *payload, size_t length, uint32_t timestamp, int payload_type);
int mix(clarion_pump *p, stream *s, uint8_t *frame, int plays);
void leave(clarion_pump *p, stream *s);

/* g711.c: the first is mu-law, the second A-law. */
extern int16_t g711_from[2][256];
extern uint8_t g711_to[2][65536];
void make_g711(void);

/* tones.c: tells of the keys that begin in this audio. */
void hear_tones(clarion_pump *p, stream *s, const uint8_t *payload, size_t length, int payload_type);

/* secure.c: each changes the packet in place, which has SECURED bytes of room behind it, and gives its new length; 0
   where it must not go on. */
#define SECURED 160
security *make_security(const clarion_form *form);
void free_security(security *s);
size_t protect(security *s, uint8_t *packet, size_t length, int is_report);
size_t unprotect(security *s, uint8_t *packet, size_t length, int is_report);

/* g722.c: telephone audio of 8 kHz, in place. */
#define G722_TYPE 9
void g722_from_ulaw(g722 *g, uint8_t *audio, size_t length);
void g722_to_ulaw(g722 *g, uint8_t *audio, size_t length);

/* receive.c */
typedef struct intake intake;
intake *new_intake(void);
void receive(clarion_pump *p, intake *in);
uint64_t lost_of(const stream *s);

#endif
