/* Keys as pairs of tones in the audio (ITU-T Q.23), heard as Q.24 asks: tone_keys.py in C, the same numbers.

   Blocks of 12.75 ms are judged one by one. A key is two alike in succession (25 ms; 40 ms are always enough), and is over
   after two that are not, so neither a lost packet nor a word makes one key of two or two of one. */

#include "internal.h"

/* 2 cos(2 pi f / 8000) of 697, 770, 852, 941 and 1209, 1336, 1477, 1633 Hz. */
static const float coefficients[8] = {1.707737809f, 1.645281036f, 1.568686984f, 1.478204568f,
                                      1.164104023f, 0.996370211f, 0.798618389f, 0.568532707f};
static const char keys[4][5] = {"123A", "456B", "789C", "*0#D"};

/* A tone of -32 dBm0 in mu-law's scale: half its amplitude times the block, squared. */
#define LEAST_POWER 8.2e8f
/* The row may be 9 dB above the column, the column 5 dB above the row. */
#define TWIST 7.94f
#define REVERSE_TWIST 3.16f
/* Another tone of the same group is 8 dB weaker. */
#define PEAK 6.3f
/* Of all energy in the block, the two tones have this much: speech and music have more beside them. */
#define SHARE 0.7f

static int strongest(const float *power) {
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (power[i] > power[best]) best = i;
    for (int i = 0; i < 4; i++)
        if (i != best && power[i] * PEAK > power[best]) return -1;
    return best;
}

/* The key of a block, 0 for none. */
static char judge(const float *block) {
    float energy = 0, before[8] = {0}, last[8] = {0}, power[8];
    for (int i = 0; i < TONE_BLOCK; i++) energy += block[i] * block[i];
    /* Both tones at their least have this much; silence is done with here. */
    if (energy * TONE_BLOCK / 4 < LEAST_POWER) return 0;
    for (int i = 0; i < TONE_BLOCK; i++)
        for (int f = 0; f < 8; f++) {
            float now = block[i] + coefficients[f] * last[f] - before[f];
            before[f] = last[f];
            last[f] = now;
        }
    for (int f = 0; f < 8; f++)
        power[f] = last[f] * last[f] + before[f] * before[f] - coefficients[f] * last[f] * before[f];
    int row = strongest(power), column = strongest(power + 4);
    if (row < 0 || column < 0) return 0;
    float low = power[row], high = power[4 + column];
    if (low < LEAST_POWER || high < LEAST_POWER || low > high * TWIST || high > low * REVERSE_TWIST) return 0;
    if ((low + high) * 2 / TONE_BLOCK < energy * SHARE) return 0;
    return keys[row][column];
}

/* The key that begins with this block, 0 for none. */
static char follow(tone_ear *ear, char key) {
    char again = key && key == ear->last ? key : 0;
    ear->last = key;
    if (key && key == ear->held) {
        ear->misses = 0;
        return 0;
    }
    if (ear->held && ++ear->misses >= 2) ear->held = 0;
    if (!again) return 0;
    ear->held = again;
    ear->misses = 0;
    return again;
}

void hear_tones(clarion_pump *p, stream *s, const uint8_t *payload, size_t length, int payload_type) {
    tone_ear *ear = &s->tones;
    const int16_t *samples = g711_from[payload_type == 8];
    for (size_t i = 0; i < length; i++) {
        ear->block[ear->filled++] = samples[payload[i]];
        if (ear->filled < TONE_BLOCK) continue;
        ear->filled = 0;
        char key = follow(ear, judge(ear->block));
        if (key) tell(p, CLARION_TONE, s->number, (uint32_t)key, 0, NULL, 0);
    }
}
