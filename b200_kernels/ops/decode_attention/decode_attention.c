/* Attention of single rows over a paged cache in fp32, with AVX-512, for head widths of 64 and 128.
 *
 * One row and key head at a time: its keys and values lie together, and rows that share pages find them in the
 * second-level cache when they follow each other.
 */
#include "../avx512.h"
#include <math.h>

#define LOG2_E 1.44269504088896f
#define MOST_GROUP 8

/* The sums of four vectors: neighbours are added pairwise until each 128 bits hold a part of all four. */
static inline __m128 sums_of_four(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#define DEFINE(WIDTH)                                                                                                  \
    static inline __attribute__((always_inline)) __m512 products_##WIDTH(const float *a, const float *b) {             \
        __m512 sum = _mm512_mul_ps(_mm512_loadu_ps(a), _mm512_loadu_ps(b));                                            \
        _Pragma("GCC unroll 8") for (int i = LANES; i < WIDTH; i += LANES) sum =                                       \
            _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), sum);                                      \
        return sum;                                                                                                    \
    }                                                                                                                  \
                                                                                                                       \
    static void one_row_##WIDTH(const float *query, const float *keys, const float *values, const int *pages,          \
                                long length, long page, long kv_heads, long group, float scale, float *scores,         \
                                float *out, float *logsumexp) {                                                        \
        long stride = kv_heads * WIDTH, room = (length + LANES - 1) / LANES * LANES;                                   \
        for (long at = 0; at < length; at += page) {                                                                   \
            const float *key = keys + (long)pages[at / page] * page * stride;                                          \
            long here = length - at < page ? length - at : page;                                                       \
            long j = 0;                                                                                                \
            for (; j + 4 <= here; j += 4, key += 4 * stride)                                                           \
                for (long g = 0; g < group; g++) {                                                                     \
                    const float *q = query + g * WIDTH;                                                                \
                    __m128 four = sums_of_four(products_##WIDTH(q, key), products_##WIDTH(q, key + stride),            \
                                               products_##WIDTH(q, key + 2 * stride),                                  \
                                               products_##WIDTH(q, key + 3 * stride));                                 \
                    _mm_storeu_ps(scores + g * room + at + j, _mm_mul_ps(four, _mm_set1_ps(scale)));                   \
                }                                                                                                      \
            for (; j < here; j++, key += stride)                                                                       \
                for (long g = 0; g < group; g++)                                                                       \
                    scores[g * room + at + j] = scale * _mm512_reduce_add_ps(products_##WIDTH(query + g * WIDTH, key)); \
        }                                                                                                              \
        for (long g = 0; g < group; g++) {                                                                             \
            float *row = scores + g * room;                                                                            \
            for (long j = length; j < room; j++) row[j] = -1e30f;                                                      \
            __m512 most = _mm512_loadu_ps(row), sum = _mm512_setzero_ps();                                             \
            for (long j = LANES; j < room; j += LANES) most = _mm512_max_ps(most, _mm512_loadu_ps(row + j));           \
            float top = _mm512_reduce_max_ps(most);                                                                    \
            for (long j = 0; j < room; j += LANES) {                                                                   \
                __m512 weight = exp2_of(_mm512_sub_ps(_mm512_loadu_ps(row + j), _mm512_set1_ps(top)));                 \
                _mm512_storeu_ps(row + j, weight);                                                                     \
                sum = _mm512_add_ps(sum, weight);                                                                      \
            }                                                                                                          \
            float total = _mm512_reduce_add_ps(sum);                                                                   \
            logsumexp[g] = top / LOG2_E + logf(total);                                                                 \
            __m512 mixed[WIDTH / LANES];                                                                               \
            _Pragma("GCC unroll 8") for (int i = 0; i < WIDTH / LANES; i++) mixed[i] = _mm512_setzero_ps();            \
            for (long at = 0; at < length; at += page) {                                                               \
                const float *value = values + (long)pages[at / page] * page * stride;                                  \
                long here = length - at < page ? length - at : page;                                                   \
                for (long j = 0; j < here; j++, value += stride) {                                                     \
                    __m512 weight = _mm512_set1_ps(row[at + j]);                                                       \
                    _Pragma("GCC unroll 8") for (int i = 0; i < WIDTH / LANES; i++) mixed[i] =                         \
                        _mm512_fmadd_ps(weight, _mm512_loadu_ps(value + i * LANES), mixed[i]);                         \
                }                                                                                                      \
            }                                                                                                          \
            __m512 inverse = _mm512_set1_ps(1.0f / total);                                                             \
            _Pragma("GCC unroll 8") for (int i = 0; i < WIDTH / LANES; i++)                                            \
                _mm512_storeu_ps(out + g * WIDTH + i * LANES, _mm512_mul_ps(mixed[i], inverse));                       \
        }                                                                                                              \
    }

DEFINE(64)
DEFINE(128)

/* query, out: (rows, heads, width); keys, values: (pages, page, kv_heads, width); pages_of: (rows, most);
 * scores: room for heads / kv_heads rows of the longest length, each rounded up to 16. */
void decode_attention(const float *query, const float *keys, const float *values, const int *pages_of,
                      const int *lengths, float *scores, float *out, float *logsumexp, long rows, long heads,
                      long kv_heads, long width, long page, long most) {
    long group = heads / kv_heads;
    float scale = LOG2_E / sqrtf((float)width);
    for (long r = 0; r < rows; r++)
        for (long h = 0; h < kv_heads; h++) {
            long first = r * heads + h * group;
            (width == 64 ? one_row_64 : one_row_128)(query + first * width, keys + h * width, values + h * width,
                                                     pages_of + r * most, lengths[r], page, kv_heads, group, scale,
                                                     scores, out + first * width, logsumexp + first);
        }
}

/* out: (rows, chosen, count) probabilities of the keys from first[r] on. */
void attention_to(const float *query, const float *keys, const int *pages_of, const float *logsumexp,
                  const int *chosen_heads, const int *first, float *out, long rows, long heads, long kv_heads,
                  long width, long page, long most, long chosen, long count) {
    long group = heads / kv_heads, stride = kv_heads * width;
    float scale = 1.0f / sqrtf((float)width);
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < chosen; c++) {
            long head = chosen_heads[c];
            const float *q = query + (r * heads + head) * width, *k = keys + head / group * width;
            for (long j = 0; j < count; j++) {
                long at = first[r] + j;
                const float *key = k + ((long)pages_of[r * most + at / page] * page + at % page) * stride;
                float score = _mm512_reduce_add_ps(width == 64 ? products_64(q, key) : products_128(q, key));
                out[(r * chosen + c) * count + j] = expf(scale * score - logsumexp[r * heads + head]);
            }
        }
}
