/* G.711 to 16-bit samples and back, by tables that are made once (transcode.py has the 14 and 13 bits they come from). */

#include <limits.h>

#include "internal.h"

int16_t g711_from[2][256];
uint8_t g711_to[2][65536];
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* ITU-T G.711's tables 2 and 1. */
static int16_t ulaw_sample(uint8_t byte) {
    byte = ~byte;
    int magnitude = ((((byte & 0x0f) << 1) + 33) << (byte >> 4 & 7)) - 33;
    return (int16_t)((byte & 0x80 ? -magnitude : magnitude) * 4);
}

static int16_t alaw_sample(uint8_t byte) {
    byte ^= 0x55;
    int segment = byte >> 4 & 7, magnitude = ((byte & 0x0f) << 1) + 1;
    if (segment) magnitude = (magnitude + 32) << (segment - 1);
    return (int16_t)((byte & 0x80 ? magnitude : -magnitude) * 8);
}

/* The byte whose sample is nearest, for every sample: the bytes in order of their samples, and the middles between. */
static void invert(const int16_t *samples, uint8_t *bytes) {
    uint8_t order[256];
    for (int i = 0; i < 256; i++) {
        int at = i;
        for (; at > 0 && samples[order[at - 1]] > samples[i]; at--) order[at] = order[at - 1];
        order[at] = (uint8_t)i;
    }
    int rank = 0;
    for (int sample = INT16_MIN; sample <= INT16_MAX; sample++) {
        while (rank < 255 && 2 * sample > samples[order[rank]] + samples[order[rank + 1]]) rank++;
        bytes[(uint16_t)sample] = order[rank];
    }
}

static void make(void) {
    for (int byte = 0; byte < 256; byte++) {
        g711_from[0][byte] = ulaw_sample((uint8_t)byte);
        g711_from[1][byte] = alaw_sample((uint8_t)byte);
    }
    for (int law = 0; law < 2; law++) invert(g711_from[law], g711_to[law]);
}

void make_g711(void) {
    pthread_once(&made, make);
}
