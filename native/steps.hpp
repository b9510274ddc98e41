// Which thread runs which sequences, and what enters a time step.
#pragma once
#include "cell.hpp"
#include "packed.hpp"
#include "team.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

namespace memcell {
namespace MEMCELL_ISA {

// The units of a member are a multiple of this: a full panel of the products.
template <class T>
constexpr std::ptrdiff_t kUnitGrain = kVectors* kLanes<T>;

using Share = std::vector<std::ptrdiff_t>;  // the sequences of a team, longest first

// Sequences are shared out among teams without any meeting of threads; where that would leave a team so few rows that the
// products starve, threads form a team and share the units of each step instead.
struct Plan {
    std::vector<Share> shares;
    int members = 1;
};

constexpr std::ptrdiff_t kRowsToFeedATeam = 8;

template <class T>
Plan plan(const std::vector<Sequence>& sequences, const Cell& cell, int threads, bool members_allowed) {
    Share order(sequences.size());
    std::iota(order.begin(), order.end(), std::ptrdiff_t{0});
    if (order.size() > 1)
        std::stable_sort(order.begin(), order.end(),
                         [&](auto a, auto b) { return sequences[a].length > sequences[b].length; });
    const std::ptrdiff_t batch = std::max<std::ptrdiff_t>(1, sequences.size());
    const std::ptrdiff_t most_members = members_allowed ? std::max<std::ptrdiff_t>(1, cell.units / kUnitGrain<T>) : 1;
    Plan plan;
    std::ptrdiff_t teams = std::min<std::ptrdiff_t>(threads, batch);
    if (most_members > 1) teams = std::clamp<std::ptrdiff_t>(batch / kRowsToFeedATeam, 1, teams);
    plan.members = static_cast<int>(std::min<std::ptrdiff_t>(most_members, threads / teams));
    plan.shares.resize(teams);
    std::vector<std::ptrdiff_t> load(teams, 0);
    for (const std::ptrdiff_t sequence : order) {
        const std::size_t lightest = std::min_element(load.begin(), load.end()) - load.begin();
        plan.shares[lightest].push_back(sequence);
        load[lightest] += sequences[sequence].length + 1;
    }
    return plan;
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

// Row layout of what enters a step: [x][h~, padding to a register][c~, padding].
template <class T>
struct Entry {
    std::ptrdiff_t h_at, c_at, width;
    explicit Entry(const Cell& cell)
        : h_at(cell.inputs),
          c_at(Panels<T>::padded(cell.inputs + Panels<T>::padded(cell.units))),
          width(row_length<T>(c_at + Panels<T>::padded(cell.units))) {}
};

// carry * state for one register of units of a row; a factor of exactly 0 selects 0, so that NaN in a past episode
// stays there.
template <class T>
MEMCELL_INLINE Vec<T> carried(const Carry<T>& carry, std::ptrdiff_t row, std::ptrdiff_t unit, int lanes, Vec<T> state) {
    if (carry.factors == nullptr) return state;
    const Vec<T> a = carry.width == 1 ? splat<T>(carry.factors[row]) : load(carry.factors + row * carry.width + unit, lanes);
    return a == Vec<T>{} ? Vec<T>{} : a * state;
}

// The registers of units first .. last: body(first unit, how many of the register's lanes are units).
template <class T, class Body>
MEMCELL_INLINE void for_unit_registers(Member::Range units, Body&& body, bool last_first = false) {
    const std::ptrdiff_t count = (units.last - units.first + kLanes<T> - 1) / kLanes<T>;
    for (std::ptrdiff_t k = 0; k < count; ++k) {
        const std::ptrdiff_t first = units.first + (last_first ? count - 1 - k : k) * kLanes<T>;
        body(first, static_cast<int>(std::min<std::ptrdiff_t>(kLanes<T>, units.last - first)));
    }
}

// out = carry * state over a range of units; the rest of the last register is 0.
template <class T>
inline void carry_over(const Carry<T>& carry, std::ptrdiff_t row, const T* state, Member::Range units, T* out) {
    for_unit_registers<T>(units, [&](std::ptrdiff_t unit, int lanes) {
        store(out + unit, carried(carry, row, unit, lanes, load(state + unit, lanes)));
    });
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
