/* Log-mel features of one window on one core: framing, Hann window, DFT, power, mel filters and logarithm without
 * a pass over memory between them.
 *
 * Sixteen frames lie side by side in a vector, and sixteen more beside them as imaginary part: one complex DFT of
 * 400 = 16 x 25 points serves thirty-two real frames, and a frame's spectrum comes out as
 * A[k] = (Z[k] + conj Z[400 - k]) / 2, B[k] = (Z[k] - conj Z[400 - k]) / 2i.
 * GCC's and Clang's vector types; what the machine lacks in width the compiler makes up with several instructions. */
#include <math.h>
#include <string.h>

#define LANES 16
#define FRAMES (2 * LANES)
#define N_FFT 400
#define HOP 160
#define HOPS (FRAMES + 3) /* hops that thirty-two frames reach over */
#define ROW 48
#define BINS 201
#define ROW_Z 17 /* one more than needed: rows of 2 KB would all fall on the same lines of the cache */
#define FLOOR (-10.0f) /* log10 of Whisper's 1e-10 */

typedef float vf __attribute__((vector_size(64)));
typedef float vf_u __attribute__((vector_size(64), aligned(4)));
typedef int vi __attribute__((vector_size(64)));
typedef struct { vf r, i; } cf;

static float window[N_FFT];
static float tw400_r[16][25], tw400_i[16][25], tw25_r[5][5], tw25_i[5][5], tw16_r[4][4], tw16_i[4][4];

__attribute__((constructor)) static void fill_tables(void) {
    const double turn = -2.0 * 3.14159265358979323846;
    for (int n = 0; n < N_FFT; n++) window[n] = 0.5 - 0.5 * cos(turn * n / N_FFT);
    for (int a = 0; a < 16; a++)
        for (int b = 0; b < 25; b++) tw400_r[a][b] = cos(turn * a * b / 400), tw400_i[a][b] = sin(turn * a * b / 400);
    for (int a = 0; a < 5; a++)
        for (int b = 0; b < 5; b++) tw25_r[a][b] = cos(turn * a * b / 25), tw25_i[a][b] = sin(turn * a * b / 25);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) tw16_r[a][b] = cos(turn * a * b / 16), tw16_i[a][b] = sin(turn * a * b / 16);
}

static inline cf times(cf a, float r, float i) { return (cf){a.r * r - a.i * i, a.r * i + a.i * r}; }

static inline void dft4(cf *a, cf *b, cf *c, cf *d) {
    cf s = {a->r + c->r, a->i + c->i}, t = {a->r - c->r, a->i - c->i};
    cf u = {b->r + d->r, b->i + d->i}, v = {b->r - d->r, b->i - d->i};
    *a = (cf){s.r + u.r, s.i + u.i};
    *b = (cf){t.r + v.i, t.i - v.r};
    *c = (cf){s.r - u.r, s.i - u.i};
    *d = (cf){t.r - v.i, t.i + v.r};
}

static inline void dft5(cf *a, cf *b, cf *c, cf *d, cf *e) {
    const float c1 = 0.30901699437494745f, c2 = -0.8090169943749475f;
    const float s1 = 0.9510565162951535f, s2 = 0.5877852522924731f;
    cf p = {b->r + e->r, b->i + e->i}, q = {b->r - e->r, b->i - e->i};
    cf s = {c->r + d->r, c->i + d->i}, t = {c->r - d->r, c->i - d->i};
    cf m1 = {a->r + c1 * p.r + c2 * s.r, a->i + c1 * p.i + c2 * s.i};
    cf m2 = {a->r + c2 * p.r + c1 * s.r, a->i + c2 * p.i + c1 * s.i};
    cf n1 = {s1 * q.r + s2 * t.r, s1 * q.i + s2 * t.i};
    cf n2 = {s2 * q.r - s1 * t.r, s2 * q.i - s1 * t.i};
    *a = (cf){a->r + p.r + s.r, a->i + p.i + s.i};
    *b = (cf){m1.r + n1.i, m1.i - n1.r};
    *c = (cf){m2.r + n2.i, m2.i - n2.r};
    *d = (cf){m2.r - n2.i, m2.i + n2.r};
    *e = (cf){m1.r - n1.i, m1.i + n1.r};
}

/* Thirty-two frames, hop by hop with time running across, to their DFT: point k1 + 16 * k2 in z[k2][k1]. */
static void transform(const float *restrict tile, cf z[restrict 25][ROW_Z]) {
    cf y[16][25];
    for (int n2 = 0; n2 < 25; n2++) {
        cf x[16];
#pragma GCC unroll 16
        for (int n1 = 0; n1 < 16; n1++) {
            int n = 25 * n1 + n2, q = n / HOP;
            const float *at = tile + (n - q * HOP) * ROW + q;
            x[n1] = (cf){*(const vf_u *)at * window[n], *(const vf_u *)(at + LANES) * window[n]};
        }
#pragma GCC unroll 4
        for (int b = 0; b < 4; b++) {
            dft4(&x[b], &x[b + 4], &x[b + 8], &x[b + 12]);
            for (int a = 1; b && a < 4; a++) x[b + 4 * a] = times(x[b + 4 * a], tw16_r[a][b], tw16_i[a][b]);
        }
#pragma GCC unroll 4
        for (int a = 0; a < 4; a++) {
            dft4(&x[4 * a], &x[4 * a + 1], &x[4 * a + 2], &x[4 * a + 3]);
            for (int c = 0; c < 4; c++) {
                int k1 = a + 4 * c;
                y[k1][n2] = k1 ? times(x[4 * a + c], tw400_r[k1][n2], tw400_i[k1][n2]) : x[0];
            }
        }
    }
    for (int k1 = 0; k1 < 16; k1++) {
        cf *x = y[k1];
#pragma GCC unroll 5
        for (int b = 0; b < 5; b++) {
            dft5(&x[b], &x[b + 5], &x[b + 10], &x[b + 15], &x[b + 20]);
            for (int a = 1; b && a < 5; a++) x[b + 5 * a] = times(x[b + 5 * a], tw25_r[a][b], tw25_i[a][b]);
        }
#pragma GCC unroll 5
        for (int a = 0; a < 5; a++) {
            dft5(&x[5 * a], &x[5 * a + 1], &x[5 * a + 2], &x[5 * a + 3], &x[5 * a + 4]);
            for (int c = 0; c < 5; c++) z[a + 5 * c][k1] = x[5 * a + c];
        }
    }
}

static inline vf larger(vf a, vf b) {
    vi m = a < b;
    return (vf)((m & (vi)b) | (~m & (vi)a));
}

/* log10 of a positive normal number to 1e-7: its exponent, and the polynomial of Cephes' logf for the rest. */
static inline vf log10_of(vf x) {
    vi bits = (vi)x - 0x3f3504f3;
    vf exponent = __builtin_convertvector(bits >> 23, vf);
    vf m = (vf)((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    vf p = 7.0376836292e-2f * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    vf q = m * m;
    return exponent * 0.30102999566398120f + 0.43429448190325183f * (m + q * (m * p - 0.5f));
}

#if defined(__clang__) || __GNUC__ >= 12
#define ZIP_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define ZIP_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#else
#define ZIP_LOW(a, b) __builtin_shuffle(a, b, (vi){0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23})
#define ZIP_HIGH(a, b) __builtin_shuffle(a, b, (vi){8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31})
#endif

/* Sixteen hops of a stretch that begins at x, transposed: zipping rows i and i + 8 four times turns the square. */
static inline void turn(float *tile, const float *x) {
    for (int j = 0; j < HOP; j += LANES) {
        vf r[LANES], s[LANES];
#pragma GCC unroll 16
        for (int m = 0; m < LANES; m++) r[m] = *(const vf_u *)(x + HOP * m + j);
#pragma GCC unroll 2
        for (int twice = 0; twice < 2; twice++) {
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++) s[2 * i] = ZIP_LOW(r[i], r[i + 8]), s[2 * i + 1] = ZIP_HIGH(r[i], r[i + 8]);
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++) r[2 * i] = ZIP_LOW(s[i], s[i + 8]), r[2 * i + 1] = ZIP_HIGH(s[i], s[i + 8]);
        }
#pragma GCC unroll 16
        for (int m = 0; m < LANES; m++) *(vf *)(tile + (j + m) * ROW) = r[m];
    }
}

/* The samples under thirty-two frames from t on, transposed; 0 if all of them are zero. */
static int fill(float *tile, const float *x, long n, long t, long frames) {
    float edge[HOPS * HOP];
    long begin = HOP * t - N_FFT / 2, reach = HOPS * HOP;
    const float *from = x + begin;
    if (begin < 0 || begin + reach > n || t + FRAMES > frames) {
        from = edge;
        long length = (frames - t + 2) * HOP + N_FFT - 2 * HOP; /* samples that existing frames reach over */
        for (long j = 0; j < reach; j++) {
            long s = begin + j;
            s = s < 0 ? -s : s;
            s = s >= n ? 2 * (n - 1) - s : s;
            edge[j] = j < length && s >= 0 ? x[s] : 0.0f;
        }
    }
    int heard = 0;
    for (long j = 0; j < reach; j++) heard |= from[j] != 0.0f;
    if (!heard) return 0;
    turn(tile, from), turn(tile + LANES, from + LANES * HOP);
    for (int m = FRAMES; m < HOPS; m++)
        for (int j = 0; j < HOP; j++) tile[j * ROW + m] = from[m * HOP + j];
    return 1;
}

/* One window x of n samples (n > 200) to out, shape (mels, frames): Whisper's scale, floored 8 below the maximum.
 * Filter f weighs the bins from first[f] on with the next width[f] of the weights. */
void log_mel_row(const float *x, long n, long frames, int mels, const int *first, const int *width,
                 const float *weights, float *out) {
    float tile[HOP * ROW] __attribute__((aligned(64)));
    cf z[25][ROW_Z];
    vf power[BINS][2];
    vf top = (vf){0} + FLOOR;
    for (long t = 0; t < frames; t += FRAMES) {
        int heard = fill(tile, x, n, t, frames);
        if (heard) {
            transform(tile, z);
            for (int k = 0; k < BINS; k++) {
                int o = k ? N_FFT - k : 0;
                cf p = z[k / 16][k % 16], q = z[o / 16][o % 16];
                vf ar = p.r + q.r, ai = p.i - q.i, br = p.i + q.i, bi = q.r - p.r;
                power[k][0] = 0.25f * (ar * ar + ai * ai);
                power[k][1] = 0.25f * (br * br + bi * bi);
            }
        }
        long left = frames - t;
        const float *w = weights;
        for (int f = 0; f < mels; f++) {
            vf a = (vf){0} + FLOOR, b = a;
            if (heard) {
                a = b = (vf){0};
                for (int k = 0; k < width[f]; k++) a += w[k] * power[first[f] + k][0], b += w[k] * power[first[f] + k][1];
                vf least = (vf){0} + 1e-10f;
                a = log10_of(larger(a, least)), b = log10_of(larger(b, least));
                top = larger(larger(top, a), b);
            }
            w += width[f];
            float *to = out + (long)f * frames + t;
            if (left >= FRAMES) *(vf_u *)to = a, *(vf_u *)(to + LANES) = b;
            else {
                vf both[2] = {a, b};
                memcpy(to, both, left * sizeof(float));
            }
        }
    }
    float highest = FLOOR;
    for (int l = 0; l < LANES; l++) highest = top[l] > highest ? top[l] : highest;
    if (highest > 38.0f) highest = NAN; /* the logarithm of what is not finite */
    const float least = highest - 8.0f;
    for (long i = 0; i < mels * frames; i++) out[i] = (out[i] > least ? out[i] : least) * 0.25f + 1.0f;
}
