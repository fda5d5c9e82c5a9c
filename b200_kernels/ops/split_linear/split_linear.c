/* x W' + bias in fp32 on Intel's matrix tiles (AMX), every number as the sum of two bf16.
 *
 * Blocks of 32 rows are split once and stay in the cache; the weight was split and packed when the model was loaded, as
 * tiles of 16 columns and 32 deep.
 */
#include "../amx.h"
#include <stdlib.h>

#define BLOCK 32
#define TILE_NUMBERS (ROWS * DEEP)

int available(void) { return tiles_permitted(); }

/* w: (n, k) fp32, k a multiple of 32; high, low: (n rounded up to 32) * k bf16, zeros where w has no row. */
void pack(const float *w, long n, long k, uint16_t *high, uint16_t *low) {
    long padded = (n + BLOCK - 1) / BLOCK * BLOCK;
    memset(high, 0, padded * k * sizeof(uint16_t));
    memset(low, 0, padded * k * sizeof(uint16_t));
    for (long row = 0; row < n; row++)
        for (long at = 0; at < k; at += LANES) {
            uint16_t two[2][LANES];
            __m256i h, l;
            split(_mm512_loadu_ps(w + row * k + at), &h, &l);
            _mm256_storeu_si256((__m256i *)two[0], h);
            _mm256_storeu_si256((__m256i *)two[1], l);
            for (int i = 0; i < LANES; i++) {
                long deep = at + i;
                long tile = (row / ROWS * (k / DEEP) + deep / DEEP) * TILE_NUMBERS;
                long inside = (deep % DEEP / 2 * ROWS + row % ROWS) * 2 + deep % 2;
                high[tile + inside] = two[0][i];
                low[tile + inside] = two[1][i];
            }
        }
}

/* x: (m, k); high, low: packed; bias: n numbers or NULL; out: (m, n), n a multiple of 16, written, or with `add` added to.
 * Returns 0, or 1 without memory. */
int split_linear(const float *x, long m, long k, const uint16_t *high, const uint16_t *low, long n, const float *bias,
                 float *out, int add) {
    uint16_t *rows_high = aligned_alloc(64, 2 * BLOCK * k * sizeof(uint16_t)), *rows_low = rows_high + BLOCK * k;
    if (!rows_high) return 1;
    long tiles_deep = k / DEEP;
    float sums[BLOCK * BLOCK] __attribute__((aligned(64)));
    set_tiles();
    for (long first = 0; first < m; first += BLOCK) {
        long rows = m - first < BLOCK ? m - first : BLOCK;
        for (long r = 0; r < rows; r++)
            for (long at = 0; at < k; at += LANES) {
                __m256i h, l;
                split(_mm512_loadu_ps(x + (first + r) * k + at), &h, &l);
                _mm256_storeu_si256((__m256i *)(rows_high + r * k + at), h);
                _mm256_storeu_si256((__m256i *)(rows_low + r * k + at), l);
            }
        if (rows < BLOCK) {
            memset(rows_high + rows * k, 0, (BLOCK - rows) * k * sizeof(uint16_t));
            memset(rows_low + rows * k, 0, (BLOCK - rows) * k * sizeof(uint16_t));
        }
        for (long column = 0; column < n; column += BLOCK) {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            const char *b_high = (const char *)(high + column / ROWS * tiles_deep * TILE_NUMBERS);
            const char *b_low = (const char *)(low + column / ROWS * tiles_deep * TILE_NUMBERS);
            const char *a_high = (const char *)rows_high, *a_low = (const char *)rows_low;
            long b_step = tiles_deep * TILE_NUMBERS * 2, a_step = ROWS * k * 2;
            for (long d = 0; d < tiles_deep; d++) {
                long a_at = d * DEEP * 2, b_at = d * TILE_NUMBERS * 2;
                MULTIPLY(a_high + a_at, a_low + a_at, k * 2, a_step, b_high + b_at, b_low + b_at, b_step);
            }
            _tile_stored(0, sums, BLOCK * 4);
            _tile_stored(1, sums + ROWS, BLOCK * 4);
            _tile_stored(2, sums + ROWS * BLOCK, BLOCK * 4);
            _tile_stored(3, sums + ROWS * BLOCK + ROWS, BLOCK * 4);
            long wide = n - column < BLOCK ? n - column : BLOCK;
            for (long r = 0; r < rows; r++)
                for (long c = 0; c < wide; c += LANES) {
                    float *to = out + (first + r) * n + column + c;
                    __m512 sum = _mm512_load_ps(sums + r * BLOCK + c);
                    if (bias) sum = _mm512_add_ps(sum, _mm512_loadu_ps(bias + column + c));
                    if (add) sum = _mm512_add_ps(sum, _mm512_loadu_ps(to));
                    _mm512_storeu_ps(to, sum);
                }
        }
    }
    _tile_release();
    free(rows_high);
    return 0;
}
