// The forward pass of one layer. `Forward::step` is the one place where a time step is computed.
//
// Where few sequences run, x is projected for many steps at once, as Appleyard, Kocisky and Blunsom do in "Optimizing
// performance of recurrent neural networks on GPUs" (arXiv 1604.01946): it waits for no state.
#pragma once
#include "steps.hpp"

namespace memcell {
namespace MEMCELL_ISA {

constexpr std::ptrdiff_t kRowsOfATile = 24;        // rows whose pre-activations of one panel wait for the pointwise stage
constexpr std::ptrdiff_t kRowsProjectedAhead = 48;  // rows of x that are projected together, about

// The sequences of one team. What a step reads of all units lies here; the rest belongs to a `Part`.
template <class T>
class Forward {
  public:
    Forward(const PackedWeights<T>& weights, const Inputs<T>& in, const ForwardOutputs<T>& out, const Share& share)
        : weights_(weights),
          cell_(weights.cell()),
          in_(in),
          out_(out),
          share_(share),
          batch_(static_cast<std::ptrdiff_t>(share.size())),
          layout_(cell_),
          entries_{Scratch<T>(batch_ * layout_.width), Scratch<T>(batch_ * layout_.width)},
          c_(cell_.full_current() ? batch_ * weights.padded() : 0),
          o_(cell_.full_current() ? batch_ * weights.padded() : 0),
          ahead_(steps_ahead()) {}

    // The part of one member: its units of every step.
    void run(const Member& member) {
        Part part(*this, member);
        std::ptrdiff_t running = batch_;
        while (running > 0 && sequence(running - 1).length == 0) {
            --running;
            finish(running, in_.h0 + share_[running] * cell_.units, in_.c0 + share_[running] * cell_.units, part);
        }
        for (std::ptrdiff_t r = 0; r < running; ++r) begin(r, part);
        if (running > 0) member.wait();
        while (running > 0) {
            if (ahead_ > 0 && part.s % ahead_ == 0) project_ahead(running, part);
            for (std::ptrdiff_t r = 0; r < running; ++r) {
                part.rows[r] = row_of(sequence(r), part.s);
                part.next_rows[r] = part.s + 1 < sequence(r).length ? row_of(sequence(r), part.s + 1) : -1;
            }
            step(running, part);
            while (running > 0 && part.next_rows[running - 1] < 0) {
                const T* state = next(part, --running);
                finish(running, state + layout_.h_at, state + layout_.c_at, part);
            }
            if (ahead_ == 0)
                for (std::ptrdiff_t r = member.index; r < running; r += member.count)
                    std::copy_n(in_.x + part.next_rows[r] * cell_.inputs, cell_.inputs, next(part, r));
            member.wait();
            ++part.s;
        }
    }

  private:
    // What one member holds of its own.
    struct Part {
        const Member& member;
        const Member::Range units;
        std::ptrdiff_t s = 0;                    // the step
        std::vector<std::ptrdiff_t> rows, next_rows;  // of each running sequence at this step and the next, -1 at its end
        Scratch<T> z;                            // pre-activations of one panel, [kRowsOfATile][4][lanes]
        Scratch<T> from_x;                       // W_x x + b of the steps ahead, [panel][row][4][lanes]
        Scratch<T> x;

        Part(const Forward& all, const Member& member_)
            : member(member_),
              units(member_.part(all.cell_.units, kUnitGrain<T>)),
              rows(all.batch_),
              next_rows(all.batch_),
              z(kRowsOfATile * 4 * kLanes<T>),
              from_x(all.ahead_ * all.batch_ * 4 * Panels<T>::padded(units.last - units.first)),
              x(all.ahead_ * all.batch_ * all.cell_.inputs) {}
    };

    std::ptrdiff_t steps_ahead() const {
        const std::ptrdiff_t longest = batch_ > 0 ? sequence(0).length : 0;
        if (longest < 2 || batch_ >= kRowsToFeedATeam) return 0;
        return std::min(longest, kRowsProjectedAhead / batch_);
    }

    const Sequence& sequence(std::ptrdiff_t r) const { return in_.sequences[share_[r]]; }
    T* now(const Part& part, std::ptrdiff_t r) const { return entries_[part.s % 2].get() + r * layout_.width; }
    T* next(const Part& part, std::ptrdiff_t r) const { return entries_[(part.s + 1) % 2].get() + r * layout_.width; }

    void begin(std::ptrdiff_t r, const Part& part) {
        const std::ptrdiff_t row = row_of(sequence(r), 0), state = share_[r] * cell_.units;
        if (part.member.index == 0) std::copy_n(in_.x + row * cell_.inputs, cell_.inputs, now(part, r));
        carry_over(in_.carry_h, row, in_.h0 + state, part.units, now(part, r) + layout_.h_at);
        carry_over(in_.carry_c, row, in_.c0 + state, part.units, now(part, r) + layout_.c_at);
    }

    // One time step of the first `count` sequences for the units of a member: products, then the pointwise stage.
    // Every other step walks the weights backwards: where they do not fit into the cache, their last ones are still there.
    void step(std::ptrdiff_t count, const Part& part) {
        const auto of_units = [&](std::ptrdiff_t unit, int lanes) {
            for (std::ptrdiff_t first = 0; first < count; first += kRowsOfATile) {
                const std::ptrdiff_t rows = std::min(kRowsOfATile, count - first);
                for_row_tiles(rows, [&](std::ptrdiff_t r, auto m) {
                    pre_activations<decltype(m)::value>(first + r, unit, part, part.z.get() + r * 4 * kLanes<T>);
                });
                pointwise(first, rows, unit, lanes, part);
            }
        };
        for_unit_registers<T>(part.units, of_units, (in_.steps_before + part.s) % 2 == 1);
        if (!cell_.full_current()) return;
        // The output gate reads every unit's c_t, so it comes after all of them.
        part.member.wait();
        product(count, c_.get(), weights_.padded(), weights_.o_current(), part.units.first, part.units.last, o_.get(), weights_.padded(), Write::kAdd);
        for_unit_registers<T>(part.units, [&](std::ptrdiff_t unit, int lanes) {
            for (std::ptrdiff_t r = 0; r < count; ++r) {
                const std::ptrdiff_t at = r * weights_.padded() + unit;
                finish_output(r, unit, lanes, load(o_.get() + at), load(c_.get() + at), weights_.diagonal(unit), part);
            }
        });
    }

    // z [M][4][lanes] = b + W_x x + W_h h~ + peepholes of c~, always summed in this order.
    template <int M>
    MEMCELL_INLINE void pre_activations(std::ptrdiff_t r, std::ptrdiff_t unit, const Part& part, T* out) {
        const T* entry = now(part, r);
        const T* panel = weights_.panel(unit);
        std::ptrdiff_t depth = weights_.depth(), start_row = 0;
        const T* start = weights_.bias(unit);
        if (ahead_ > 0) {
            start = projected(unit, part) + ((part.s % ahead_) * batch_ + r) * 4 * kLanes<T>;
            start_row = 4 * kLanes<T>;
            entry += layout_.h_at;
            panel += layout_.h_at * 4 * kLanes<T>;
            depth = cell_.units;
        }
        Vec<T> z[M][4];
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int gate = 0; gate < 4; ++gate) z[m][gate] = load(start + m * start_row + gate * kLanes<T>);
        accumulate<T, M, 4>(z, depth, entry, layout_.width, 1, panel, 4 * kLanes<T>);
        panel += depth * 4 * kLanes<T>;
        const T* c_in = now(part, r) + layout_.c_at;
        if (weights_.peeks() == 3) accumulate_peephole<M, 3>(z, c_in, panel);
        if (weights_.peeks() == 2) accumulate_peephole<M, 2>(z, c_in, panel);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int gate = 0; gate < 4; ++gate) store(out + (m * 4 + gate) * kLanes<T>, z[m][gate]);
    }

    template <int M, int V>
    MEMCELL_INLINE void accumulate_peephole(Vec<T> (&z)[M][4], const T* c_in, const T* panel) {
        Vec<T> acc[M][V];
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[m][v] = z[m][v];
        accumulate<T, M, V>(acc, cell_.units, c_in, layout_.width, 1, panel, V * kLanes<T>);
#pragma GCC unroll 8
        for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) z[m][v] = acc[m][v];
    }

    // With few rows a step reads W_x for little work; many steps at once read it once. The sums are the same.
    T* projected(std::ptrdiff_t unit, const Part& part) const {
        return part.from_x.get() + (unit - part.units.first) * 4 * ahead_ * batch_;
    }
    void project_ahead(std::ptrdiff_t running, const Part& part) {
        const std::ptrdiff_t rows = ahead_ * batch_;
        for (std::ptrdiff_t step = 0; step < ahead_; ++step)
            for (std::ptrdiff_t r = 0; r < batch_; ++r) {
                T* to = part.x.get() + (step * batch_ + r) * cell_.inputs;
                if (r < running && part.s + step < sequence(r).length)
                    std::copy_n(in_.x + row_of(sequence(r), part.s + step) * cell_.inputs, cell_.inputs, to);
                else
                    std::fill_n(to, cell_.inputs, T(0));
            }
        for_unit_registers<T>(part.units, [&](std::ptrdiff_t unit, int) {
            const T* bias = weights_.bias(unit);
            T* out = projected(unit, part);
            for_row_tiles(rows, [&](std::ptrdiff_t row, auto m) {
                constexpr int M = decltype(m)::value;
                Vec<T> z[M][4];
#pragma GCC unroll 8
                for (int k = 0; k < M; ++k)
#pragma GCC unroll 4
                    for (int gate = 0; gate < 4; ++gate) z[k][gate] = load(bias + gate * kLanes<T>);
                accumulate<T, M, 4>(z, cell_.inputs, part.x.get() + row * cell_.inputs, cell_.inputs, 1,
                                    weights_.panel(unit), 4 * kLanes<T>);
#pragma GCC unroll 8
                for (int k = 0; k < M; ++k)
#pragma GCC unroll 4
                    for (int gate = 0; gate < 4; ++gate) store(out + ((row + k) * 4 + gate) * kLanes<T>, z[k][gate]);
            });
        });
    }

    void pointwise(std::ptrdiff_t first, std::ptrdiff_t rows, std::ptrdiff_t unit, int lanes, const Part& part) {
        const Diagonal<T> diagonal = weights_.diagonal(unit);
        const std::ptrdiff_t units = cell_.units;
        for (std::ptrdiff_t r = first; r < first + rows; ++r) {
            const T* from = part.z.get() + (r - first) * 4 * kLanes<T>;
            Vec<T> z[4];
#pragma GCC unroll 4
            for (int gate = 0; gate < 4; ++gate) z[gate] = load(from + gate * kLanes<T>);
            const std::ptrdiff_t row = part.rows[r];
            const Vec<T> c = state_forward<T>(cell_, z, diagonal, load(now(part, r) + layout_.c_at + unit));
            if (out_.c != nullptr) store(out_.c + row * units + unit, c, lanes);
            if (out_.gates != nullptr) {
                T* gates = out_.gates + row * 4 * units + unit;
                store(gates, z[kI], lanes);
                store(gates + units, z[kF], lanes);
                store(gates + 2 * units, z[kG], lanes);
            }
            if (cell_.full_current()) {
                store(c_.get() + r * weights_.padded() + unit, c);
                store(o_.get() + r * weights_.padded() + unit, z[kO]);
            } else {
                finish_output(r, unit, lanes, z[kO], c, diagonal, part);
            }
        }
    }

    // The output, and the state as it enters the next step.
    MEMCELL_INLINE void finish_output(std::ptrdiff_t r, std::ptrdiff_t unit, int lanes, Vec<T> o, Vec<T> c,
                                      const Diagonal<T>& diagonal, const Part& part) {
        const std::ptrdiff_t row = part.rows[r], next_row = part.next_rows[r];
        const Vec<T> c_in = load(now(part, r) + layout_.c_at + unit);
        const Vec<T> h = output_forward<T>(cell_, o, diagonal, c_in, c);
        store(out_.h + row * cell_.units + unit, h, lanes);
        if (out_.gates != nullptr) store(out_.gates + (row * 4 + 3) * cell_.units + unit, o, lanes);
        T* to = next(part, r) + unit;
        store(to + layout_.h_at, next_row < 0 ? h : carried(in_.carry_h, next_row, unit, lanes, h));
        store(to + layout_.c_at, next_row < 0 ? c : carried(in_.carry_c, next_row, unit, lanes, c));
    }

    // The final state of a sequence, from rows h and c of all units.
    void finish(std::ptrdiff_t r, const T* h, const T* c, const Part& part) {
        const std::ptrdiff_t first = part.units.first, count = part.units.last - first, to = share_[r] * cell_.units + first;
        std::copy_n(h + first, count, out_.h_final + to);
        std::copy_n(c + first, count, out_.c_final + to);
    }

    const PackedWeights<T>& weights_;
    const Cell cell_;
    const Inputs<T>& in_;
    const ForwardOutputs<T>& out_;
    const Share& share_;
    const std::ptrdiff_t batch_;
    const Entry<T> layout_;
    Scratch<T> entries_[2];  // what enters this step and the next, taking turns
    Scratch<T> c_, o_;       // c_t and the output gate's pre-activations, where it reads all of c_t
    const std::ptrdiff_t ahead_;  // steps of x that are projected together; 0: each with its step
};

template <class T>
void forward(const PackedWeights<T>& weights, const Inputs<T>& in, const ForwardOutputs<T>& out) {
    const Plan planned = plan<T>(in.sequences, weights.cell(), in.threads, true);
    std::vector<Forward<T>> passes;
    passes.reserve(planned.shares.size());
    for (const Share& share : planned.shares) passes.emplace_back(weights, in, out, share);
    const auto nothing = [](const Member&) {};
    run_teams(static_cast<int>(passes.size()), planned.members, nothing,
              [&](int team, const Member& member) { passes[team].run(member); }, nothing);
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
