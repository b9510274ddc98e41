// The matrix products: rows of A, one element at a time, against panels of B that were packed so that each step of
// the sum reads one contiguous run. Every output element is summed over k in the same order whatever the tile, so a
// row's result does not depend on its neighbours.
//
// The register tile follows Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008): kRows
// rows x kVectors vectors of accumulators stay in registers, A is broadcast, B streams.
#pragma once
#include <algorithm>

#include "vec.hpp"

namespace memcell {
namespace MEMCELL_ISA {

#if defined(__AVX512F__) || defined(MEMCELL_NEON)
constexpr int kRows = 6;  // 6 x 4 accumulators + 4 vectors of B of 32 registers
#else
constexpr int kRows = 3;  // 3 x 4 accumulators + 4 vectors of B fill the 16 registers of AVX2
#endif
constexpr int kVectors = 4;  // vectors in a full panel

// acc[m][v] += sum over k of a[m * a_row + k * a_k] * b[k * b_k + v * lanes].
// The tile must be fully unrolled: GCC spills an array of accumulators that is indexed by a loop variable.
template <class T, int M, int V>
MEMCELL_INLINE void accumulate(Vec<T> (&acc)[M][V], std::ptrdiff_t depth, const T* a, std::ptrdiff_t a_row,
                               std::ptrdiff_t a_k, const T* b, std::ptrdiff_t b_k) {
    for (std::ptrdiff_t k = 0; k < depth; ++k, a += a_k, b += b_k) {
        Vec<T> bv[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) bv[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m) {
            const Vec<T> am = splat<T>(a[m * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[m][v] = fma(am, bv[v], acc[m][v]);
        }
    }
}

// Calls body(first, integral_constant<M>) over `count` rows in the fewest tiles, as even as can be: few rows leave the
// multipliers idle, so that 4 rows are 2 + 2, never 3 + 1.
template <class Body>
MEMCELL_INLINE void for_row_tiles(std::ptrdiff_t count, Body&& body) {
    std::ptrdiff_t tiles = (count + kRows - 1) / kRows, row = 0;
    for (; tiles > 0; --tiles) {
        const std::ptrdiff_t rows = (count - row + tiles - 1) / tiles;
        switch (rows) {
#if defined(__AVX512F__) || defined(MEMCELL_NEON)
            case 6: body(row, std::integral_constant<int, 6>{}); break;
            case 5: body(row, std::integral_constant<int, 5>{}); break;
            case 4: body(row, std::integral_constant<int, 4>{}); break;
#endif
            case 3: body(row, std::integral_constant<int, 3>{}); break;
            case 2: body(row, std::integral_constant<int, 2>{}); break;
            default: body(row, std::integral_constant<int, 1>{});
        }
        row += rows;
    }
}

// The transpose of kLanes rows of kLanes: in turn, each bit of the row's number changes places with that of the lane's.
template <class T, int Half = kLanes<T> / 2>
MEMCELL_INLINE void transpose(Vec<T> (&rows)[kLanes<T>]) {
    if constexpr (Half >= 1) {
        Bits<T> low, high;
#pragma GCC unroll 16
        for (int j = 0; j < kLanes<T>; ++j) {
            low[j] = j & Half ? kLanes<T> + j - Half : j;
            high[j] = j & Half ? kLanes<T> + j : j + Half;
        }
#pragma GCC unroll 16
        for (int i = 0; i < kLanes<T>; ++i) {
            if (i & Half) continue;
            const Vec<T> a = rows[i], b = rows[i + Half];
            rows[i] = __builtin_shuffle(a, b, low);
            rows[i + Half] = __builtin_shuffle(a, b, high);
        }
        transpose<T, Half / 2>(rows);
    }
}

// One register's width of a packed matrix: to[k * to_row + lane] = from[k * k_stride + lane * lane_stride]; lanes that
// are not there are 0. Both ways of holding a matrix are read along the grain.
template <class T>
void pack_lanes(T* to, std::ptrdiff_t to_row, const T* from, std::ptrdiff_t k_stride, std::ptrdiff_t lane_stride,
                std::ptrdiff_t depth, int lanes) {
    std::ptrdiff_t k = 0;
    if (lane_stride == 1) {
        for (; k < depth; ++k) store(to + k * to_row, load(from + k * k_stride, lanes));
    } else if (k_stride == 1 && lanes == kLanes<T>) {
        for (; k + kLanes<T> <= depth; k += kLanes<T>) {
            Vec<T> rows[kLanes<T>];
#pragma GCC unroll 16
            for (int j = 0; j < kLanes<T>; ++j) rows[j] = load(from + k + j * lane_stride);
            transpose<T>(rows);
#pragma GCC unroll 16
            for (int j = 0; j < kLanes<T>; ++j) store(to + (k + j) * to_row, rows[j]);
        }
    }
    for (; k < depth; ++k)
        for (int j = 0; j < kLanes<T>; ++j) to[k * to_row + j] = j < lanes ? from[k * k_stride + j * lane_stride] : T(0);
}

// A [depth, columns] matrix packed in panels of kVectors vectors; the last panel has as many as its columns need.
template <class T>
struct Panels {
    const T* data;
    std::ptrdiff_t depth, columns;

    static std::ptrdiff_t padded(std::ptrdiff_t columns) { return (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }
    static std::ptrdiff_t size(std::ptrdiff_t depth, std::ptrdiff_t columns) { return depth * padded(columns); }
    static constexpr std::ptrdiff_t width = kVectors * kLanes<T>;

    // The panel of the columns first .. first + width.
    const T* panel(std::ptrdiff_t first) const { return data + first * depth; }
    std::ptrdiff_t panel_width(std::ptrdiff_t first) const { return std::min(width, padded(columns) - first); }
};

enum class Write { kSet, kAdd };

template <class T, int M, int V>
MEMCELL_INLINE void product_tile(const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_k, const T* b, std::ptrdiff_t b_k,
                                 std::ptrdiff_t depth, T* out, std::ptrdiff_t out_row, Write write) {
    Vec<T> acc[M][V];
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) acc[m][v] = Vec<T>{};
    accumulate<T, M, V>(acc, depth, a, a_row, a_k, b, b_k);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            T* o = out + m * out_row + v * kLanes<T>;
            store(o, write == Write::kAdd ? load(o) + acc[m][v] : acc[m][v]);
        }
}

template <class T, int M>
MEMCELL_INLINE void product_columns(int vectors, const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_k, const T* b,
                                    std::ptrdiff_t b_k, std::ptrdiff_t depth, T* out, std::ptrdiff_t out_row,
                                    Write write) {
    switch (vectors) {
        case 4: return product_tile<T, M, 4>(a, a_row, a_k, b, b_k, depth, out, out_row, write);
        case 3: return product_tile<T, M, 3>(a, a_row, a_k, b, b_k, depth, out, out_row, write);
        case 2: return product_tile<T, M, 2>(a, a_row, a_k, b, b_k, depth, out, out_row, write);
        default: return product_tile<T, M, 1>(a, a_row, a_k, b, b_k, depth, out, out_row, write);
    }
}

// out [rows, columns first .. last] = or += a [rows, depth] times those columns of the packed matrix; `first` begins a
// panel, and the last register of columns is written whole.
template <class T>
void product(std::ptrdiff_t rows, const T* a, std::ptrdiff_t a_row, const Panels<T>& matrix, std::ptrdiff_t first,
             std::ptrdiff_t last, T* out, std::ptrdiff_t out_row, Write write) {
    for (; first < last; first += Panels<T>::width) {
        const std::ptrdiff_t here = matrix.panel_width(first);
        const T* b = matrix.panel(first);
        for_row_tiles(rows, [&](std::ptrdiff_t row, auto m) {
            product_columns<T, decltype(m)::value>(static_cast<int>(here / kLanes<T>), a + row * a_row, a_row, 1, b, here,
                                                   matrix.depth, out + row * out_row + first, out_row, write);
        });
    }
}

// out [a_columns, b_columns] = or += transposed(a [rows, a_columns]) times b [rows, b_columns]; b_columns is a multiple
// of the register width. This is the weight gradient of a block of rows that still lies in the cache.
template <class T>
void outer_products(std::ptrdiff_t rows, const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_columns, const T* b,
                    std::ptrdiff_t b_row, std::ptrdiff_t b_columns, T* out, std::ptrdiff_t out_row, Write write) {
    const std::ptrdiff_t width = kVectors * kLanes<T>;
    for (std::ptrdiff_t first = 0; first < b_columns; first += width) {
        const int vectors = static_cast<int>(std::min(width, b_columns - first) / kLanes<T>);
        for_row_tiles(a_columns, [&](std::ptrdiff_t column, auto m) {
            product_columns<T, decltype(m)::value>(vectors, a + column, 1, a_row, b + first, b_row, rows,
                                                   out + column * out_row + first, out_row, write);
        });
    }
}

// out [columns] += the sum of the rows of a [rows, columns]; columns is a multiple of the register width.
template <class T>
void add_column_sums(std::ptrdiff_t rows, const T* a, std::ptrdiff_t a_row, std::ptrdiff_t columns, T* out) {
    for (std::ptrdiff_t column = 0; column < columns; column += kLanes<T>) {
        Vec<T> sum = {};
        for (std::ptrdiff_t row = 0; row < rows; ++row) sum = sum + load(a + row * a_row + column);
        store(out + column, load(out + column) + sum);
    }
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
