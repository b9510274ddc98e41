// What one thread of either pass holds of its sequences, and what enters a time step.
#pragma once
#include "cell.hpp"
#include "packed.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

namespace memcell {
namespace MEMCELL_ISA {

// The sequences of each thread, longest first, so that those still running at a step are a leading run of rows.
inline std::vector<std::vector<std::ptrdiff_t>> share_out(const std::vector<Sequence>& sequences, int threads) {
    std::vector<std::ptrdiff_t> order(sequences.size());
    std::iota(order.begin(), order.end(), std::ptrdiff_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return sequences[a].length > sequences[b].length; });
    const std::size_t count = std::max<std::size_t>(1, std::min<std::size_t>(threads, order.size()));
    std::vector<std::vector<std::ptrdiff_t>> shares(count);
    std::vector<std::ptrdiff_t> load(count, 0);
    for (const std::ptrdiff_t sequence : order) {
        const std::size_t lightest = std::min_element(load.begin(), load.end()) - load.begin();
        shares[lightest].push_back(sequence);
        load[lightest] += sequences[sequence].length + 1;
    }
    return shares;
}

inline std::ptrdiff_t row_of(const Sequence& sequence, std::ptrdiff_t step) {
    return sequence.first + step * sequence.stride;
}

// Length of a row in a block of rows that is walked down its columns: an odd number of cache lines, so that the rows of
// one column fall into different sets of the cache.
template <class T>
inline std::ptrdiff_t row_length(std::ptrdiff_t columns) {
    constexpr std::ptrdiff_t line = 64 / sizeof(T);
    return ((columns + line - 1) / line | 1) * line;
}

// Row layout of what enters a step: [x, h~, padding to a register][c~, padding].
template <class T>
struct Entry {
    std::ptrdiff_t c_at, width;
    explicit Entry(const Cell& cell)
        : c_at(Panels<T>::padded(cell.inputs + cell.units)), width(row_length<T>(c_at + Panels<T>::padded(cell.units))) {}
};

// carry * state; a factor of exactly 0 selects 0, so that NaN in a past episode stays there.
template <class T>
inline void carry_over(const Carry<T>& carry, std::ptrdiff_t row, const T* state, std::ptrdiff_t units, T* out) {
    if (carry.factors == nullptr) {
        std::memcpy(out, state, units * sizeof(T));
    } else if (carry.width == 1) {
        const T a = carry.factors[row];
        for (std::ptrdiff_t u = 0; u < units; ++u) out[u] = a == T(0) ? T(0) : a * state[u];
    } else {
        const T* a = carry.factors + row * units;
        for (std::ptrdiff_t u = 0; u < units; ++u) out[u] = a[u] == T(0) ? T(0) : a[u] * state[u];
    }
}

template <class T>
inline void enter_step(const Cell& cell, const Inputs<T>& in, std::ptrdiff_t row, const T* h_prev, const T* c_prev,
                       T* entry) {
    const Entry<T> layout(cell);
    std::memcpy(entry, in.x + row * cell.inputs, cell.inputs * sizeof(T));
    carry_over(in.carry_h, row, h_prev, cell.units, entry + cell.inputs);
    carry_over(in.carry_c, row, c_prev, cell.units, entry + layout.c_at);
    std::fill(entry + layout.c_at + cell.units, entry + layout.c_at + Panels<T>::padded(cell.units), T(0));
}

// The per-unit loops: body(first unit, how many of the register's lanes are units).
template <class T, class Body>
MEMCELL_INLINE void for_unit_registers(std::ptrdiff_t units, Body&& body) {
    for (std::ptrdiff_t first = 0; first < units; first += kLanes<T>)
        body(first, static_cast<int>(std::min<std::ptrdiff_t>(kLanes<T>, units - first)));
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
