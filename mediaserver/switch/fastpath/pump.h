/* What the fast path offers to Python: library.py reads this file as it is, so it holds declarations alone. */

typedef struct clarion_pump clarion_pump;

typedef struct {
    uint32_t ssrc;
    uint32_t first_timestamp;
    uint16_t first_sequence;
    uint16_t frame_ticks;  /* ticks of 2 ms from packet to packet; 16 bytes of payload each, the step of the timestamps */
    int16_t key_type;      /* payload type of telephone events, -1 for none */
    uint8_t payload_type;  /* 0, 8 or 9: mu-law, A-law, G.722 whose clips are mu-law */
    uint8_t silence;       /* the byte that a frame of silence repeats */
    uint8_t hears_tones;   /* keys are looked for in the audio */
    uint8_t srtp_tag;      /* bytes of SRTP's authentication tag, 10 or 4; 0 for plain RTP */
    uint8_t our_key[30];   /* key and salt */
    uint8_t their_key[30];
} clarion_form;

typedef struct {
    uint64_t sent;         /* packets */
    uint64_t sent_octets;  /* of payload */
    uint32_t timestamp;    /* of the last packet sent */
    uint32_t far_ssrc;
    uint64_t received;     /* packets, all sources of the call */
    uint64_t lost;
    uint32_t highest;      /* extended sequence number of the present source */
    uint64_t expected;     /* packets of the present source's segment, for the fraction lost */
    uint64_t arrived;      /* of these */
    double jitter;         /* samples */
    int heard;             /* 0 until the first packet */
} clarion_stats;

enum { CLARION_LATE_BUCKETS = 9 };

/* Counted over all streams since the start. */
typedef struct {
    uint64_t late[CLARION_LATE_BUCKETS]; /* packets by how late their tick was: up to 1, 2, 5, 10, 20, 50, 100, 200 ms, more */
    double late_seconds;  /* of all packets together */
    uint64_t sent;
    uint64_t unsent;      /* that the system did not take */
    uint64_t received;    /* that belong to a call */
    uint64_t strange;     /* no RTP, or from somebody else than the far end */
    uint64_t given_up;    /* ticks of 2 ms that were passed over, because the thread came too late to catch up */
    uint64_t dropped;     /* events of audio that found no room */
    int thread;           /* the loop's, as the system numbers it */
} clarion_totals;

/* Kinds of events, and what their fields hold. */
enum {
    CLARION_PLAYED = 1,  /* a: play, b: milliseconds sent; it came to its end */
    CLARION_KEY = 2,     /* data: the datagram of a telephone event */
    CLARION_AUDIO = 3,   /* data: a datagram of audio, while listening */
    CLARION_STALLED = 4, /* a: milliseconds that were given up */
    CLARION_SPOKEN = 5,  /* a: payload type, data: the payload of a packet of audio we sent, while tapped */
    CLARION_TONE = 6     /* a: the key that begins in the audio, as ASCII */
};

typedef struct {
    uint32_t size;    /* of the whole record, a multiple of 8 */
    uint32_t kind;
    uint32_t stream;
    uint32_t a;
    uint32_t b;
    uint32_t length;  /* of the data that follows */
} clarion_event;

/* NULL with errno set when there is no thread or memory. `notify` is an eventfd, written when there are events. */
clarion_pump *clarion_open(int notify);
/* Ends the thread. Every stream is gone then. */
void clarion_close(clarion_pump *pump);

/* The stream's number, 0 when the address is none, there is no room or no SRTP. Datagrams that wait in `fd` are thrown away. */
uint32_t clarion_add(clarion_pump *pump, int fd, const clarion_form *form, const char *host, uint16_t port);
/* `fd` may be closed afterwards. What is called for a stream that is gone does nothing. */
void clarion_remove(clarion_pump *pump, uint32_t stream);
/* A new description: codec, key type, packet length and address; the sending side goes on with its sequence, and
   SRTP with the same keys with its counters. 0 for a bad address or length, or where there is no SRTP. */
int clarion_change(clarion_pump *pump, uint32_t stream, const clarion_form *form, const char *host, uint16_t port);
void clarion_send(clarion_pump *pump, uint32_t stream, int on);
void clarion_listen(clarion_pump *pump, uint32_t stream, int on);
void clarion_tap(clarion_pump *pump, uint32_t stream, int on);
/* `clips` stay the caller's and must live until the play has ended, was stopped or replaced. 0 without memory. */
int clarion_play(clarion_pump *pump, uint32_t stream, uint32_t play, const uint8_t *const *clips, const size_t *sizes,
                 size_t count);
/* The milliseconds heard of what was playing, -1 when nothing was. */
int64_t clarion_stop(clarion_pump *pump, uint32_t stream);
/* One key: `count` telephone-event payloads of 4 bytes, one a frame, the first with the marker; then `gap` frames of
   audio. 0 when too many keys wait. */
int clarion_keys(clarion_pump *pump, uint32_t stream, const uint8_t *payloads, size_t count, size_t gap);
/* Audio in the stream's codec that goes out before all else, behind what was given so before; `audio` is copied. 0 when
   too much of it waits. */
int clarion_inset(clarion_pump *pump, uint32_t stream, const uint8_t *audio, size_t length);
/* Whether SRTP can be had in this build. */
int clarion_has_srtp(void);
/* Secures an RTCP packet of ours (`out`) or reads one of theirs, in place, with 160 bytes of room behind it; its new length, 0
   for one that is not the far end's. */
size_t clarion_report(clarion_pump *pump, uint32_t stream, uint8_t *packet, size_t length, int out);
/* ITU-T G.722 at 64 kbit/s, for a signal of 16 kHz: two samples a byte; what was written. NULL without memory. */
typedef struct g722 g722;
g722 *clarion_g722(void);
void clarion_g722_free(g722 *g);
size_t clarion_g722_encode(g722 *g, const int16_t *samples, size_t count, uint8_t *out);
size_t clarion_g722_decode(g722 *g, const uint8_t *in, size_t count, int16_t *samples);
/* A room, in which streams of 20 ms hear each other; 0 when all are taken. */
uint32_t clarion_room(clarion_pump *pump);
void clarion_close_room(clarion_pump *pump, uint32_t room);
/* 0 when the room is full or closed, or the stream gone. Nobody hears a new member. While it is in a room it is sent
   packets of 20 ms, whatever length it prefers (RFC 4566 6 makes ptime a wish; who cannot take 20 ms does not join). */
int clarion_join(clarion_pump *pump, uint32_t room, uint32_t stream);
void clarion_leave(clarion_pump *pump, uint32_t stream);
/* 0 when they are not in one room. */
int clarion_hear(clarion_pump *pump, uint32_t listener, uint32_t speaker, int on);
/* 0 when the stream is gone. */
int clarion_stats_of(clarion_pump *pump, uint32_t stream, clarion_stats *stats);
/* Takes whole events out, at most `room` bytes of them; the bytes taken. */
size_t clarion_events(clarion_pump *pump, uint8_t *buffer, size_t room);
void clarion_totals_of(clarion_pump *pump, clarion_totals *totals);
