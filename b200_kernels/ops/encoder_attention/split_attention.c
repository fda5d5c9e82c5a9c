/* Attention of all frames over all frames, heads of 64, in fp32 on Intel's matrix tiles (AMX), every number as the sum of
 * two bf16.
 *
 * Blocks of 32 rows keep their scores (32 x 1504 numbers) and weights in the second-level cache, beside the head's keys
 * and values, which are split and packed once.
 */
#include "../amx.h"
#include <stdlib.h>

#define WIDTH 64
#define BLOCK 32
#define TILE_NUMBERS (ROWS * DEEP)

int available(void) { return tiles_permitted(); }

static inline void split_16(const float *from, uint16_t *high, uint16_t *low) {
    __m256i h, l;
    split(_mm512_loadu_ps(from), &h, &l);
    _mm256_storeu_si256((__m256i *)high, h);
    _mm256_storeu_si256((__m256i *)low, l);
}

static void split_rows(const float *from, long step, long rows, uint16_t *high, uint16_t *low) {
    for (long r = 0; r < rows; r++)
        for (int d = 0; d < WIDTH; d += LANES) split_16(from + r * step + d, high + r * WIDTH + d, low + r * WIDTH + d);
}

/* Rows of keys, (padded, 64) bf16, to tiles of 16 keys and 32 deep: pairs of a key's numbers stay together. */
static void pack_keys(const uint16_t *rows, long padded, uint16_t *tiles) {
    const uint32_t *pairs = (const uint32_t *)rows;
    uint32_t *to = (uint32_t *)tiles;
    for (long j = 0; j < padded; j++)
        for (int pair = 0; pair < WIDTH / 2; pair++)
            to[((j / ROWS * 2 + pair / 16) * 16 + pair % 16) * ROWS + j % ROWS] = pairs[j * (WIDTH / 2) + pair];
}

/* Rows of values to tiles of 16 columns and 32 deep: two neighbouring keys' numbers of a column stay together. */
static void pack_values(const uint16_t *rows, long padded, uint16_t *tiles) {
    long deep_tiles = padded / DEEP;
    for (long j = 0; j < padded; j += 2)
        for (int d = 0; d < WIDTH; d += ROWS) {
            __m256i even = _mm256_loadu_si256((const __m256i *)(rows + j * WIDTH + d));
            __m256i odd = _mm256_loadu_si256((const __m256i *)(rows + (j + 1) * WIDTH + d));
            __m256i first = _mm256_unpacklo_epi16(even, odd), second = _mm256_unpackhi_epi16(even, odd);
            uint16_t *to = tiles + (d / ROWS * deep_tiles + j / DEEP) * TILE_NUMBERS + j % DEEP * ROWS;
            _mm256_storeu_si256((__m256i *)to, _mm256_permute2x128_si256(first, second, 0x20));
            _mm256_storeu_si256((__m256i *)(to + ROWS), _mm256_permute2x128_si256(first, second, 0x31));
        }
}

/* A row of scores to weights as two bf16 each, not normalised; returns one over their sum. */
static inline float soften(float *row, long frames, long padded, uint16_t *high, uint16_t *low) {
    for (long j = frames; j < padded; j++) row[j] = -1e30f;
    __m512 most = _mm512_loadu_ps(row), sum = _mm512_setzero_ps();
    for (long j = LANES; j < padded; j += LANES) most = _mm512_max_ps(most, _mm512_loadu_ps(row + j));
    __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    for (long j = 0; j < padded; j += LANES) {
        __m512 weight = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(row + j), top));
        sum = _mm512_add_ps(sum, weight);
        __m256i h, l;
        split(weight, &h, &l);
        _mm256_storeu_si256((__m256i *)(high + j), h);
        _mm256_storeu_si256((__m256i *)(low + j), l);
    }
    return 1.0f / _mm512_reduce_add_ps(sum);
}

static inline void zero_sums(void) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

static inline void store_sums(float *to, long stride) {
    _tile_stored(0, to, stride * 4);
    _tile_stored(1, to + ROWS, stride * 4);
    _tile_stored(2, to + ROWS * stride, stride * 4);
    _tile_stored(3, to + ROWS * stride + ROWS, stride * 4);
}

typedef struct {
    uint16_t *key[2], *value[2], *query[2], *weight[2]; /* high, low */
    float *scores, *mixed;
} workspace;

static void one_head(const float *q, const float *k, const float *v, long from, float *out, long to, long frames,
                     long padded, float scale, workspace *w) {
    /* The weights' room holds the rows before they are packed. */
    uint16_t *high = w->weight[0], *low = w->weight[1];
    memset(high, 0, padded * WIDTH * sizeof(uint16_t));
    memset(low, 0, padded * WIDTH * sizeof(uint16_t));
    split_rows(k, from, frames, high, low);
    pack_keys(high, padded, w->key[0]);
    pack_keys(low, padded, w->key[1]);
    split_rows(v, from, frames, high, low);
    pack_values(high, padded, w->value[0]);
    pack_values(low, padded, w->value[1]);
    const char *key_high = (const char *)w->key[0], *key_low = (const char *)w->key[1];
    const char *query_high = (const char *)w->query[0], *query_low = (const char *)w->query[1];
    const char *weight_high = (const char *)w->weight[0], *weight_low = (const char *)w->weight[1];
    const char *value_high = (const char *)w->value[0], *value_low = (const char *)w->value[1];
    for (long first = 0; first < frames; first += BLOCK) {
        long rows = frames - first < BLOCK ? frames - first : BLOCK;
        for (long r = 0; r < BLOCK; r++)
            for (int d = 0; d < WIDTH; d += LANES) {
                __m512 x = r < rows ? _mm512_loadu_ps(q + (first + r) * from + d) : _mm512_setzero_ps();
                __m256i h, l;
                split(_mm512_mul_ps(x, _mm512_set1_ps(scale)), &h, &l);
                _mm256_storeu_si256((__m256i *)(w->query[0] + r * WIDTH + d), h);
                _mm256_storeu_si256((__m256i *)(w->query[1] + r * WIDTH + d), l);
            }
        for (long j = 0; j < padded; j += BLOCK) {
            zero_sums();
            for (int d = 0; d < WIDTH / DEEP; d++) {
                long b = (j / ROWS * 2 + d) * TILE_NUMBERS * 2;
                MULTIPLY(query_high + d * DEEP * 2, query_low + d * DEEP * 2, WIDTH * 2, ROWS * WIDTH * 2,
                         key_high + b, key_low + b, 2 * TILE_NUMBERS * 2);
            }
            store_sums(w->scores + j, padded);
        }
        float inverse[BLOCK];
        for (long r = 0; r < BLOCK; r++)
            inverse[r] = soften(w->scores + r * padded, frames, padded, w->weight[0] + r * padded,
                                w->weight[1] + r * padded);
        for (int column = 0; column < WIDTH; column += BLOCK) {
            zero_sums();
            for (long j = 0; j < padded; j += DEEP) {
                long b = (column / ROWS * (padded / DEEP) + j / DEEP) * TILE_NUMBERS * 2;
                MULTIPLY(weight_high + j * 2, weight_low + j * 2, padded * 2, ROWS * padded * 2, value_high + b,
                         value_low + b, padded / DEEP * TILE_NUMBERS * 2);
            }
            store_sums(w->mixed + column, WIDTH);
        }
        for (long r = 0; r < rows; r++)
            for (int d = 0; d < WIDTH; d += LANES)
                _mm512_storeu_ps(out + (first + r) * to + d, _mm512_mul_ps(_mm512_load_ps(w->mixed + r * WIDTH + d),
                                                                           _mm512_set1_ps(inverse[r])));
    }
}

/* qkv: (batch, frames, 3, heads, 64); out: (batch, frames, heads, 64). scale is 1/sqrt(64) times log2(e). Returns 0, or 1
 * without memory. */
int encoder_attention(const float *qkv, float *out, long batch, long frames, long heads, float scale) {
    long padded = (frames + BLOCK - 1) / BLOCK * BLOCK, width = heads * WIDTH;
    long rows = padded > WIDTH ? padded : WIDTH, packed = padded * WIDTH, weights = BLOCK * rows;
    if (weights < packed) weights = packed;
    long numbers = 4 * packed + 2 * BLOCK * WIDTH + 2 * weights;
    char *space = aligned_alloc(64, numbers * 2 + (BLOCK * padded + BLOCK * WIDTH) * 4);
    if (!space) return 1;
    uint16_t *at = (uint16_t *)space;
    workspace w;
    for (int i = 0; i < 2; i++) {
        w.key[i] = at + i * packed;
        w.value[i] = at + (2 + i) * packed;
        w.query[i] = at + 4 * packed + i * BLOCK * WIDTH;
        w.weight[i] = at + 4 * packed + 2 * BLOCK * WIDTH + i * weights;
    }
    w.scores = (float *)(space + numbers * 2);
    w.mixed = w.scores + BLOCK * padded;
    set_tiles();
    for (long b = 0; b < batch; b++)
        for (long h = 0; h < heads; h++) {
            const float *q = qkv + b * frames * 3 * width + h * WIDTH;
            one_head(q, q + width, q + 2 * width, 3 * width, out + b * frames * width + h * WIDTH, width, frames,
                     padded, scale, &w);
        }
    _tile_release();
    free(space);
    return 0;
}
