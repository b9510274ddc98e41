// The forward pass of one layer. `Forward::step` is the one place where a time step is computed.
#pragma once
#include "steps.hpp"

namespace memcell {
namespace MEMCELL_ISA {

template <class T>
class Forward {
  public:
    Forward(const PackedWeights<T>& weights, const Inputs<T>& in, const ForwardOutputs<T>& out,
            const std::vector<std::ptrdiff_t>& share)
        : weights_(weights),
          cell_(weights.cell()),
          in_(in),
          out_(out),
          share_(share),
          layout_(cell_),
          entry_(static_cast<std::ptrdiff_t>(share.size()) * layout_.width),
          c_(static_cast<std::ptrdiff_t>(share.size()) * weights.padded()),
          o_(cell_.full_current() ? static_cast<std::ptrdiff_t>(share.size()) * weights.padded() : 0),
          rows_(share.size()) {}

    void run() {
        const std::ptrdiff_t units = cell_.units;
        std::ptrdiff_t running = static_cast<std::ptrdiff_t>(share_.size());
        for (std::ptrdiff_t s = 0; running > 0; ++s) {
            while (running > 0 && sequence(running - 1).length <= s) finish(--running);
            for (std::ptrdiff_t r = 0; r < running; ++r) {
                const T* h_prev = s == 0 ? in_.h0 + share_[r] * units : out_.h + rows_[r] * units;
                const T* c_prev = s == 0 ? in_.c0 + share_[r] * units : c_.get() + r * weights_.padded();
                rows_[r] = row_of(sequence(r), s);
                enter_step(cell_, in_, rows_[r], h_prev, c_prev, entry_.get() + r * layout_.width);
            }
            if (running > 0) step(running);
        }
    }

  private:
    const Sequence& sequence(std::ptrdiff_t r) const { return in_.sequences[share_[r]]; }

    // One time step of the first `count` sequences: products, then the pointwise stage, a register of units at a time.
    void step(std::ptrdiff_t count) {
        for_unit_registers<T>(cell_.units, [&](std::ptrdiff_t unit, int lanes) {
            for_row_tiles(count, [&](std::ptrdiff_t r, auto m) { tile<decltype(m)::value>(r, unit, lanes); });
        });
        if (!cell_.full_current()) return;
        // The output gate reads every unit's c_t, so it comes after all of them.
        product(count, c_.get(), weights_.padded(), weights_.o_current(), o_.get(), weights_.padded(), Write::kAdd);
        for_unit_registers<T>(cell_.units, [&](std::ptrdiff_t unit, int lanes) {
            for (std::ptrdiff_t r = 0; r < count; ++r) {
                Vec<T> o = load(o_.get() + r * weights_.padded() + unit);
                finish_output(r, unit, lanes, o, load(c_.get() + r * weights_.padded() + unit));
            }
        });
    }

    template <int M>
    MEMCELL_INLINE void tile(std::ptrdiff_t r, std::ptrdiff_t unit, int lanes) {
        const T* entry = entry_.get() + r * layout_.width;
        const T* bias = weights_.bias(unit);
        Vec<T> z[M][4];
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int gate = 0; gate < 4; ++gate) z[m][gate] = load(bias + gate * kLanes<T>);
        const T* panel = weights_.panel(unit);
        accumulate<T, M, 4>(z, weights_.depth(), entry, layout_.width, 1, panel, 4 * kLanes<T>);
        panel += weights_.depth() * 4 * kLanes<T>;
        if (weights_.peeks() == 3) accumulate_peephole<M, 3>(z, entry + layout_.c_at, panel);
        if (weights_.peeks() == 2) accumulate_peephole<M, 2>(z, entry + layout_.c_at, panel);
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) pointwise(r + m, unit, lanes, z[m]);
    }

    template <int M, int V>
    MEMCELL_INLINE void accumulate_peephole(Vec<T> (&z)[M][4], const T* c_in, const T* panel) {
        Vec<T> acc[M][V];
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[m][v] = z[m][v];
        accumulate<T, M, V>(acc, cell_.units, c_in, layout_.width, 1, panel, V * kLanes<T>);
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) z[m][v] = acc[m][v];
    }

    MEMCELL_INLINE void pointwise(std::ptrdiff_t r, std::ptrdiff_t unit, int lanes, Vec<T> (&z)[4]) {
        const std::ptrdiff_t at = rows_[r] * cell_.units + unit;
        const Vec<T> c_in = load(entry_.get() + r * layout_.width + layout_.c_at + unit);
        const Vec<T> c = state_forward<T>(cell_, z, weights_.diagonal(unit), c_in);
        store(c_.get() + r * weights_.padded() + unit, c);
        if (out_.c != nullptr) store(out_.c + at, c, lanes);
        if (out_.gates != nullptr) {
            T* gates = out_.gates + rows_[r] * 4 * cell_.units + unit;
            store(gates, z[kI], lanes);
            store(gates + cell_.units, z[kF], lanes);
            store(gates + 2 * cell_.units, z[kG], lanes);
        }
        if (cell_.full_current())
            store(o_.get() + r * weights_.padded() + unit, z[kO]);
        else
            finish_output(r, unit, lanes, z[kO], c);
    }

    MEMCELL_INLINE void finish_output(std::ptrdiff_t r, std::ptrdiff_t unit, int lanes, Vec<T> o, Vec<T> c) {
        const Vec<T> c_in = load(entry_.get() + r * layout_.width + layout_.c_at + unit);
        const Vec<T> h = output_forward<T>(cell_, o, weights_.diagonal(unit), c_in, c);
        store(out_.h + rows_[r] * cell_.units + unit, h, lanes);
        if (out_.gates != nullptr)
            store(out_.gates + (rows_[r] * 4 + 3) * cell_.units + unit, o, lanes);
    }

    void finish(std::ptrdiff_t r) {
        const std::ptrdiff_t units = cell_.units, b = share_[r];
        const bool empty = sequence(r).length == 0;
        const T* h = empty ? in_.h0 + b * units : out_.h + rows_[r] * units;
        const T* c = empty ? in_.c0 + b * units : c_.get() + r * weights_.padded();
        std::memcpy(out_.h_final + b * units, h, units * sizeof(T));
        std::memcpy(out_.c_final + b * units, c, units * sizeof(T));
    }

    const PackedWeights<T>& weights_;
    const Cell cell_;
    const Inputs<T>& in_;
    const ForwardOutputs<T>& out_;
    const std::vector<std::ptrdiff_t>& share_;
    const Entry<T> layout_;
    Scratch<T> entry_, c_, o_;
    std::vector<std::ptrdiff_t> rows_;  // row of each running sequence at this step
};

template <class T>
void forward(const PackedWeights<T>& weights, const Inputs<T>& in, const ForwardOutputs<T>& out) {
    const auto shares = share_out(in.sequences, in.threads);
    const int threads = static_cast<int>(shares.size());
    std::vector<Forward<T>> passes;
    passes.reserve(threads);
    for (const auto& share : shares) passes.emplace_back(weights, in, out, share);
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int t = 0; t < threads; ++t) passes[t].run();
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
