/* Attention of all frames over all frames, heads of 64, in fp32 with AVX-512.
 *
 * Blocks of 24 rows keep their scores (24 x 1536 numbers) in the second-level cache: scores by blocks of 64 keys, then
 * the softmax of whole rows, then the weighted values. Products are tiles of 6 rows and 4 vectors in 24 registers.
 */
#include "../avx512.h"
#include <stdlib.h>
#include <string.h>

#define WIDTH 64
#define TILE 6
#define TILES 4
#define ROWS (TILE * TILES)
#define KEYS 64
#define VECTORS (WIDTH / LANES)

static inline void scores_of(const float *q, const float *k, float *out, long stride) {
    __m512 sum[TILE][VECTORS];
#pragma GCC unroll 6
    for (int r = 0; r < TILE; r++)
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) sum[r][i] = _mm512_setzero_ps();
    for (int d = 0; d < WIDTH; d++) {
        __m512 key[VECTORS];
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) key[i] = _mm512_loadu_ps(k + d * KEYS + i * LANES);
#pragma GCC unroll 6
        for (int r = 0; r < TILE; r++) {
            __m512 query = _mm512_set1_ps(q[r * WIDTH + d]);
#pragma GCC unroll 4
            for (int i = 0; i < VECTORS; i++) sum[r][i] = _mm512_fmadd_ps(query, key[i], sum[r][i]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < TILE; r++)
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) _mm512_storeu_ps(out + r * stride + i * LANES, sum[r][i]);
}

static inline void add_values(const float *p, long stride, const float *v, float *out) {
    __m512 sum[TILE][VECTORS];
#pragma GCC unroll 6
    for (int r = 0; r < TILE; r++)
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) sum[r][i] = _mm512_loadu_ps(out + r * WIDTH + i * LANES);
    for (int j = 0; j < KEYS; j++) {
        __m512 value[VECTORS];
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) value[i] = _mm512_loadu_ps(v + j * WIDTH + i * LANES);
#pragma GCC unroll 6
        for (int r = 0; r < TILE; r++) {
            __m512 weight = _mm512_set1_ps(p[r * stride + j]);
#pragma GCC unroll 4
            for (int i = 0; i < VECTORS; i++) sum[r][i] = _mm512_fmadd_ps(weight, value[i], sum[r][i]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < TILE; r++)
#pragma GCC unroll 4
        for (int i = 0; i < VECTORS; i++) _mm512_storeu_ps(out + r * WIDTH + i * LANES, sum[r][i]);
}

/* A row of scores to weights that are not normalised yet; returns one over their sum. */
static inline float soften(float *row, long padded) {
    __m512 most = _mm512_loadu_ps(row), sum = _mm512_setzero_ps();
    for (long j = LANES; j < padded; j += LANES) most = _mm512_max_ps(most, _mm512_loadu_ps(row + j));
    __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    for (long j = 0; j < padded; j += LANES) {
        __m512 weight = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(row + j), top));
        _mm512_storeu_ps(row + j, weight);
        sum = _mm512_add_ps(sum, weight);
    }
    return 1.0f / _mm512_reduce_add_ps(sum);
}

/* One head. q, k, v: rows of `from` numbers; out: rows of `to`. scale is 1/sqrt(64) times log2(e).
 * space: padded * (2 * 64 + ROWS) + 2 * ROWS * 64 numbers, padded being frames in whole blocks of keys. */
static void one_head(const float *q, const float *k, const float *v, long from, float *out, long to, long frames,
                     float scale, float *space) {
    long padded = (frames + KEYS - 1) / KEYS * KEYS;
    float *turned = space, *values = turned + padded * WIDTH, *scores = values + padded * WIDTH;
    float *query = scores + ROWS * padded, *mixed = query + ROWS * WIDTH;
    memset(turned, 0, 2 * padded * WIDTH * sizeof(float));
    for (long j = 0; j < frames; j++) {
        float *block = turned + j / KEYS * KEYS * WIDTH + j % KEYS;
        for (int d = 0; d < WIDTH; d++) block[d * KEYS] = k[j * from + d];
        memcpy(values + j * WIDTH, v + j * from, WIDTH * sizeof(float));
    }
    for (long first = 0; first < frames; first += ROWS) {
        long rows = frames - first < ROWS ? frames - first : ROWS;
        memset(query, 0, 2 * ROWS * WIDTH * sizeof(float));
        for (long r = 0; r < rows; r++)
            for (int d = 0; d < WIDTH; d++) query[r * WIDTH + d] = q[(first + r) * from + d] * scale;
        for (long j = 0; j < padded; j += KEYS)
            for (int t = 0; t < TILES; t++)
                scores_of(query + t * TILE * WIDTH, turned + j * WIDTH, scores + t * TILE * padded + j, padded);
        float inverse[ROWS];
        for (long r = 0; r < rows; r++) {
            for (long j = frames; j < padded; j++) scores[r * padded + j] = -1e30f;
            inverse[r] = soften(scores + r * padded, padded);
        }
        for (long j = 0; j < padded; j += KEYS)
            for (int t = 0; t < TILES; t++)
                add_values(scores + t * TILE * padded + j, padded, values + j * WIDTH, mixed + t * TILE * WIDTH);
        for (long r = 0; r < rows; r++)
            for (int d = 0; d < WIDTH; d++) out[(first + r) * to + d] = mixed[r * WIDTH + d] * inverse[r];
    }
}

/* qkv: (batch, frames, 3, heads, 64); out: (batch, frames, heads, 64). Returns 0, or 1 without memory. */
int encoder_attention(const float *qkv, float *out, long batch, long frames, long heads, float scale) {
    long padded = (frames + KEYS - 1) / KEYS * KEYS, width = heads * WIDTH;
    float *space = aligned_alloc(64, (padded * (2 * WIDTH + ROWS) + 2 * ROWS * WIDTH) * sizeof(float));
    if (!space) return 1;
    for (long b = 0; b < batch; b++)
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + b * frames * 3 * width + h * WIDTH;
            one_head(q, q + width, q + 2 * width, 3 * width, out + b * frames * width + h * WIDTH, width, frames, scale,
                     space);
        }
    free(space);
    return 0;
}
