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

constexpr int kRows = 3;     // 3 x 4 accumulators + 4 vectors of B fill the 16 registers of AVX2
constexpr int kVectors = 4;  // vectors in a full panel
constexpr std::ptrdiff_t kPackedAtOnce = 16;  // rows that packing moves together: a cache line of a transposed matrix

// acc[m][v] += sum over k of a[m * a_row + k * a_k] * b[k * b_k + v * lanes].
// The tile must be fully unrolled: GCC spills an array of accumulators that is indexed by a loop variable.
template <class T, int M, int V>
MEMCELL_INLINE void accumulate(Vec<T> (&acc)[M][V], std::ptrdiff_t depth, const T* a, std::ptrdiff_t a_row,
                               std::ptrdiff_t a_k, const T* b, std::ptrdiff_t b_k) {
    for (std::ptrdiff_t k = 0; k < depth; ++k, a += a_k, b += b_k) {
        Vec<T> bv[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) bv[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) {
            const Vec<T> am = splat<T>(a[m * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[m][v] = fma(am, bv[v], acc[m][v]);
        }
    }
}

// Calls body(first, integral_constant<M>) over `count` rows in tiles of 3 and 2: a lone row would leave the
// multipliers idle, so 4 rows are 2 + 2.
template <class Body>
MEMCELL_INLINE void for_row_tiles(std::ptrdiff_t count, Body&& body) {
    std::ptrdiff_t row = 0;
    while (count - row > 4 || count - row == 3) {
        body(row, std::integral_constant<int, 3>{});
        row += 3;
    }
    for (; count - row >= 2; row += 2) body(row, std::integral_constant<int, 2>{});
    if (count - row == 1) body(row, std::integral_constant<int, 1>{});
}

// A [depth, columns] matrix packed in panels of kVectors vectors; the last panel has as many as its columns need.
template <class T>
struct Panels {
    const T* data;
    std::ptrdiff_t depth, columns;

    static std::ptrdiff_t padded(std::ptrdiff_t columns) { return (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }
    static std::ptrdiff_t size(std::ptrdiff_t depth, std::ptrdiff_t columns) { return depth * padded(columns); }

    // row_of(k) points at the element of row k in column 0, or is null for a row of zeros; the elements of a row lie
    // `stride` apart.
    template <class RowOf>
    static void pack(T* data, std::ptrdiff_t depth, std::ptrdiff_t columns, std::ptrdiff_t stride, int threads,
                     RowOf&& row_of) {
        const std::ptrdiff_t width = kVectors * kLanes<T>;
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (std::ptrdiff_t first = 0; first < columns; first += width) {
            T* out = data + first * depth;
            const std::ptrdiff_t here = std::min(width, padded(columns - first)), given = std::min(width, columns - first);
            for (std::ptrdiff_t begin = 0; begin < depth; begin += kPackedAtOnce) {
                const std::ptrdiff_t count = std::min(kPackedAtOnce, depth - begin);
                const T* rows[kPackedAtOnce];
                for (std::ptrdiff_t k = 0; k < count; ++k) rows[k] = row_of(begin + k);
                for (std::ptrdiff_t j = 0; j < here; ++j)
                    for (std::ptrdiff_t k = 0; k < count; ++k)
                        out[k * here + j] = j < given && rows[k] != nullptr ? rows[k][(first + j) * stride] : T(0);
                out += count * here;
            }
        }
    }
};

enum class Write { kSet, kAdd };

template <class T, int M, int V>
MEMCELL_INLINE void product_tile(const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_k, const T* b, std::ptrdiff_t b_k,
                                 std::ptrdiff_t depth, T* out, std::ptrdiff_t out_row, Write write) {
    Vec<T> acc[M][V];
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) acc[m][v] = Vec<T>{};
    accumulate<T, M, V>(acc, depth, a, a_row, a_k, b, b_k);
#pragma GCC unroll 4
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

// out [rows, padded columns] = or += a [rows, depth] times the packed matrix.
template <class T>
void product(std::ptrdiff_t rows, const T* a, std::ptrdiff_t a_row, const Panels<T>& matrix, T* out,
             std::ptrdiff_t out_row, Write write) {
    const std::ptrdiff_t width = kVectors * kLanes<T>, padded = Panels<T>::padded(matrix.columns);
    for (std::ptrdiff_t first = 0; first < padded; first += width) {
        const std::ptrdiff_t here = std::min(width, padded - first);
        const T* b = matrix.data + first * matrix.depth;
        for_row_tiles(rows, [&](std::ptrdiff_t row, auto m) {
            product_columns<T, decltype(m)::value>(static_cast<int>(here / kLanes<T>), a + row * a_row, a_row, 1, b, here,
                                                   matrix.depth, out + row * out_row + first, out_row, write);
        });
    }
}

// out [a_columns, b_columns] += transposed(a [rows, a_columns]) times b [rows, b_columns]; b_columns is a multiple of
// the register width. This is the weight gradient of a block of rows that still lies in the cache.
template <class T>
void add_outer_products(std::ptrdiff_t rows, const T* a, std::ptrdiff_t a_row, std::ptrdiff_t a_columns, const T* b,
                        std::ptrdiff_t b_row, std::ptrdiff_t b_columns, T* out, std::ptrdiff_t out_row) {
    const std::ptrdiff_t width = kVectors * kLanes<T>;
    for (std::ptrdiff_t first = 0; first < b_columns; first += width) {
        const int vectors = static_cast<int>(std::min(width, b_columns - first) / kLanes<T>);
        for_row_tiles(a_columns, [&](std::ptrdiff_t column, auto m) {
            product_columns<T, decltype(m)::value>(vectors, a + column, 1, a_row, b + first, b_row, rows,
                                                   out + column * out_row + first, out_row, Write::kAdd);
        });
    }
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
