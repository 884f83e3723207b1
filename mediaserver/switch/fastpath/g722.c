/* ITU-T G.722 at 64 kbit/s, written from the Recommendation: the signal of 16 kHz is split into two bands by quadrature
   mirror filters (3.1, 4.4), each of which is coded by ADPCM: six bits for the lower one, two for the higher (3.2 to
   3.6, 4.1 to 4.3). Names are those of the Recommendation's blocks where it has any. */

#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* One band's predictor and quantizer scale. */
typedef struct {
    int nb, det;          /* logarithmic and linear scale factor */
    int s, sz;            /* predicted signal, and its zero part */
    int r[3], p[3], a[3]; /* reconstructed and partially reconstructed signals, pole coefficients; [1] is the newest */
    int d[7], b[7];       /* quantized differences, [0] the present one; zero coefficients */
} band;

struct g722 {
    band low, high;
    int history[24]; /* of the QMF, newest last */
};

static int saturate(int value) {
    return value > 32767 ? 32767 : value < -32768 ? -32768 : value;
}

/* 6 bits of the lower band: decision levels (table 9, Q6), and the codes of each interval, negative and positive. */
static const int q6[32] = {0,   35,  72,  110, 150,  190,  233,  276,  323,  370,  422,  473,  530,  587,  650,  714,
                           786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919, 0, 0};
static const int iln[32] = {0,  63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19,
                            18, 17, 16, 15, 14, 13, 12, 11, 10, 9,  8,  7,  6,  5,  4,  0};
static const int ilp[32] = {0,  61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47,
                            46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 0};
/* Inverse quantizers of 4 and 6 bits (tables 11 to 15), logarithmic scale steps, and the antilogarithm. */
static const int qm4[16] = {0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                            20456, 12896,  8968,   6288,  4240,  2584,  1200,  0};
static const int qm6[64] = {-136,   -136,   -136,   -136,   -24808, -21904, -19008, -16704, -14984, -13512, -12280,
                            -11192, -10232, -9360,  -8576,  -7856,  -7192,  -6576,  -6000,  -5456,  -4944,  -4464,
                            -4008,  -3576,  -3168,  -2776,  -2400,  -2032,  -1688,  -1360,  -1040,  -728,   24808,
                            21904,  19008,  16704,  14984,  13512,  12280,  11192,  10232,  9360,   8576,   7856,
                            7192,   6576,   6000,   5456,   4944,   4464,   4008,   3576,   3168,   2776,   2400,
                            2032,   1688,   1360,   1040,   728,    432,    136,    -432,   -136};
static const int wl[8] = {-60, -30, 58, 172, 334, 538, 1198, 3042};
static const int rl42[16] = {0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0};
static const int ilb[32] = {2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
                            2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
                            3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008};
/* 2 bits of the higher band. */
static const int qm2[4] = {-7408, -1616, 7408, 1616};
static const int wh[3] = {0, -214, 798};
static const int rh2[4] = {2, 1, 2, 1};
static const int ihn[3] = {0, 1, 0}, ihp[3] = {0, 3, 2};
/* Half of the QMF's 24 coefficients; it is symmetric (table 11). */
static const int qmf[12] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};

/* LOGSCL and SCALEL, or LOGSCH and SCALEH. */
static void scale(band *b, int step, int most, int shift_from) {
    int nb = (b->nb * 127 >> 7) + step;
    b->nb = nb < 0 ? 0 : nb > most ? most : nb;
    int shift = shift_from - (b->nb >> 11), mantissa = ilb[b->nb >> 6 & 31];
    b->det = (shift < 0 ? mantissa << -shift : mantissa >> shift) << 2;
}

/* Block 4: reconstruction, adaption of both predictors, prediction of the next sample. `d` is the difference. */
static void adapt(band *b, int d) {
    b->d[0] = d;
    b->r[0] = saturate(b->s + d);
    b->p[0] = saturate(b->sz + d);
    /* UPPOL2 */
    int same1 = (b->p[0] ^ b->p[1]) >= 0, same2 = (b->p[0] ^ b->p[2]) >= 0;
    int wd = saturate(b->a[1] * 4);
    int a2 = same1 ? -wd : wd;
    if (a2 > 32767) a2 = 32767;
    a2 = (same2 ? 128 : -128) + (a2 >> 7) + (b->a[2] * 32512 >> 15);
    a2 = a2 > 12288 ? 12288 : a2 < -12288 ? -12288 : a2;
    /* UPPOL1 */
    int a1 = saturate((same1 ? 192 : -192) + (b->a[1] * 32640 >> 15)), limit = saturate(15360 - a2);
    a1 = a1 > limit ? limit : a1 < -limit ? -limit : a1;
    /* UPZERO */
    int gain = d == 0 ? 0 : 128;
    for (int i = 1; i < 7; i++)
        b->b[i] = saturate(((b->d[i] ^ d) < 0 ? -gain : gain) + (b->b[i] * 32640 >> 15));
    /* DELAYA */
    for (int i = 6; i > 0; i--) b->d[i] = b->d[i - 1];
    for (int i = 2; i > 0; i--) {
        b->r[i] = b->r[i - 1];
        b->p[i] = b->p[i - 1];
    }
    b->a[1] = a1;
    b->a[2] = a2;
    /* FILTEP, FILTEZ, PREDIC */
    int sp = saturate((b->a[1] * saturate(b->r[1] + b->r[1]) >> 15) + (b->a[2] * saturate(b->r[2] + b->r[2]) >> 15));
    int sz = 0;
    for (int i = 6; i > 0; i--) sz += b->b[i] * saturate(b->d[i] + b->d[i]) >> 15;
    b->sz = saturate(sz);
    b->s = saturate(sp + b->sz);
}

static int code_low(band *b, int sample) {
    int difference = saturate(sample - b->s);
    int magnitude = difference >= 0 ? difference : -(difference + 1), level = 1;
    while (level < 30 && magnitude >= (q6[level] * b->det) >> 12) level++;
    int code = difference < 0 ? iln[level] : ilp[level], coarse = code >> 2;
    adapt(b, (b->det * qm4[coarse]) >> 15);
    scale(b, wl[rl42[coarse]], 18432, 8);
    return code;
}

/* The lower band's sample of 8 kHz. */
static int decode_low(band *b, int code) {
    int sample = saturate(b->s + ((b->det * qm6[code]) >> 15)), coarse = code >> 2;
    adapt(b, (b->det * qm4[coarse]) >> 15);
    scale(b, wl[rl42[coarse]], 18432, 8);
    return sample > 16383 ? 16383 : sample < -16384 ? -16384 : sample;
}

static int code_high(band *b, int sample) {
    int difference = saturate(sample - b->s);
    int magnitude = difference >= 0 ? difference : -(difference + 1);
    int level = magnitude >= (564 * b->det) >> 12 ? 2 : 1;
    int code = difference < 0 ? ihn[level] : ihp[level];
    adapt(b, (b->det * qm2[code]) >> 15);
    scale(b, wh[rh2[code]], 22528, 10);
    return code;
}

static int decode_high(band *b, int code) {
    int difference = (b->det * qm2[code]) >> 15, sample = saturate(b->s + difference);
    adapt(b, difference);
    scale(b, wh[rh2[code]], 22528, 10);
    return sample > 16383 ? 16383 : sample < -16384 ? -16384 : sample;
}

g722 *clarion_g722(void) {
    g722 *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->low.det = 32;
    g->high.det = 8;
    return g;
}

void clarion_g722_free(g722 *g) {
    free(g);
}

static uint8_t code(g722 *g, int low, int high) {
    int upper = code_high(&g->high, high);
    return (uint8_t)(upper << 6 | code_low(&g->low, low));
}

size_t clarion_g722_encode(g722 *g, const int16_t *samples, size_t count, uint8_t *out) {
    for (size_t n = 0; n + 1 < count; n += 2) {
        memmove(g->history, g->history + 2, 22 * sizeof *g->history);
        g->history[22] = samples[n];
        g->history[23] = samples[n + 1];
        int odd = 0, even = 0;
        for (int i = 0; i < 12; i++) {
            odd += g->history[2 * i] * qmf[i];
            even += g->history[2 * i + 1] * qmf[11 - i];
        }
        out[n / 2] = code(g, (even + odd) >> 14, (even - odd) >> 14);
    }
    return count / 2;
}

size_t clarion_g722_decode(g722 *g, const uint8_t *in, size_t count, int16_t *samples) {
    for (size_t n = 0; n < count; n++) {
        int low = decode_low(&g->low, in[n] & 0x3f), high = decode_high(&g->high, in[n] >> 6);
        memmove(g->history, g->history + 2, 22 * sizeof *g->history);
        g->history[22] = low + high;
        g->history[23] = low - high;
        int one = 0, two = 0;
        for (int i = 0; i < 12; i++) {
            two += g->history[2 * i] * qmf[i];
            one += g->history[2 * i + 1] * qmf[11 - i];
        }
        samples[2 * n] = (int16_t)saturate(one >> 11);
        samples[2 * n + 1] = (int16_t)saturate(two >> 11);
    }
    return 2 * count;
}

/* The lower band is a signal of 8 kHz at half its loudness: telephone audio goes in and comes out of it without the
   filters, and as many bytes as it has in mu-law. */
void g722_from_ulaw(g722 *g, uint8_t *audio, size_t length) {
    for (size_t i = 0; i < length; i++) audio[i] = code(g, g711_from[0][audio[i]] >> 1, 0);
}

void g722_to_ulaw(g722 *g, uint8_t *audio, size_t length) {
    for (size_t i = 0; i < length; i++)
        audio[i] = g711_to[0][(uint16_t)(int16_t)saturate(decode_low(&g->low, audio[i] & 0x3f) * 2)];
}
