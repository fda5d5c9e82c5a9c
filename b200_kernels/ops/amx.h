/* What the kernels on Intel's matrix tiles (AMX) share: permission, tile sizes, and fp32 as the sum of two bf16.
 *
 * x = high + low keeps 16 bits of x's 24; a product of two such sums leaves out low * low alone. torch calls products
 * of this kind the "high" precision of float32 (torch.set_float32_matmul_precision), and has none for CPUs.
 */
#include "avx512.h"
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROWS 16  /* of a tile */
#define DEEP 32  /* bf16 numbers in a tile's row */

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes_a_row[16];
    uint8_t rows[16];
} tile_sizes;

/* Every process has to ask for the tiles once. */
static int tiles_permitted(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

static inline void set_tiles(void) {
    tile_sizes all;
    memset(&all, 0, sizeof all);
    all.palette = 1;
    for (int i = 0; i < 8; i++) {
        all.bytes_a_row[i] = 64;
        all.rows[i] = ROWS;
    }
    _tile_loadconfig(&all);
}

/* 16 numbers to two bf16 each. */
static inline void split(__m512 x, __m256i *high, __m256i *low) {
    __m256i top = (__m256i)_mm512_cvtneps_pbh(x);
    __m512 back = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(top), 16));
    *high = top;
    *low = (__m256i)_mm512_cvtneps_pbh(_mm512_sub_ps(x, back));
}

/* Adds to the four sums in tiles 0 to 3, (32 rows) x (32 columns), the product of 32 deep slices. a: rows of a_stride
 * bytes, second 16 rows a_step bytes further; b: two neighbouring tiles of packed columns, b_step bytes apart. */
#define MULTIPLY(a_high, a_low, a_stride, a_step, b_high, b_low, b_step)                                               \
    do {                                                                                                               \
        _tile_loadd(4, (a_high), (a_stride));                                                                          \
        _tile_loadd(5, (a_high) + (a_step), (a_stride));                                                               \
        _tile_loadd(6, (b_low), 64);                                                                                   \
        _tile_loadd(7, (b_low) + (b_step), 64);                                                                        \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        _tile_dpbf16ps(1, 4, 7);                                                                                       \
        _tile_dpbf16ps(2, 5, 6);                                                                                       \
        _tile_dpbf16ps(3, 5, 7);                                                                                       \
        _tile_loadd(6, (b_high), 64);                                                                                  \
        _tile_loadd(7, (b_high) + (b_step), 64);                                                                       \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        _tile_dpbf16ps(1, 4, 7);                                                                                       \
        _tile_dpbf16ps(2, 5, 6);                                                                                       \
        _tile_dpbf16ps(3, 5, 7);                                                                                       \
        _tile_loadd(4, (a_low), (a_stride));                                                                           \
        _tile_loadd(5, (a_low) + (a_step), (a_stride));                                                                \
        _tile_dpbf16ps(0, 4, 6);                                                                                       \
        _tile_dpbf16ps(1, 4, 7);                                                                                       \
        _tile_dpbf16ps(2, 5, 6);                                                                                       \
        _tile_dpbf16ps(3, 5, 7);                                                                                       \
    } while (0)
