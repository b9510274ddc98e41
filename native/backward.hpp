// The backward pass of one layer: backpropagation through time, with the weight gradients summed over blocks of rows
// while these still lie in the cache. (Werbos, "Backpropagation through time: what it does and how to do it", 1990; that
// gradients of the weights can wait for many steps: Appleyard et al., arXiv 1604.01946.)
#pragma once
#include "steps.hpp"

namespace memcell {
namespace MEMCELL_ISA {

constexpr std::ptrdiff_t kBlockRows = 96;
constexpr std::ptrdiff_t kWrittenAtOnce = 16;  // rows of a gradient: a cache line of a transposed matrix

// Weight gradients of one team, in the kernels' layout: gate rows padded to registers, in the order i, f, o, g. The first
// block of rows sets the matrices, later ones add to them.
template <class T>
struct WeightGradients {
    const Cell& cell;
    std::ptrdiff_t padded, columns;  // columns: [x, h~] padded
    Scratch<T> gates, full;          // [4 Hp, columns], [3 Hp, Hp]
    std::vector<T> diagonal, bias;   // [3 Hp], [4 Hp]

    explicit WeightGradients(const Cell& cell_)
        : cell(cell_),
          padded(Panels<T>::padded(cell.units)),
          columns(Panels<T>::padded(cell.inputs + cell.units)),
          gates(4 * padded * columns),
          full(cell.full() ? 3 * padded * padded : 0),
          diagonal(3 * padded, T(0)),
          bias(4 * padded, T(0)) {}

    // What belongs to one gate, added to here.
    void add(const WeightGradients& other, int gate) {
        const auto sum = [&](T* into, const T* from, std::ptrdiff_t width) {
            for (std::ptrdiff_t j = gate * padded * width; j < (gate + 1) * padded * width; ++j) into[j] += from[j];
        };
        if (weight_block(cell, gate) < 0) return;
        sum(gates.get(), other.gates.get(), columns);
        sum(bias.data(), other.bias.data(), 1);
        if (gate != kG) sum(diagonal.data(), other.diagonal.data(), 1);
        if (gate != kG && cell.full()) sum(full.get(), other.full.get(), padded);
    }

    void write(const Gradients<T>& out, int gate) const {
        const std::ptrdiff_t units = cell.units, inputs = cell.inputs, from = gate * padded;
        if (const int block = weight_block(cell, gate); block >= 0) {
            write_block(gates.get() + from * columns, columns, inputs, out.w_x, block);
            write_block(gates.get() + from * columns + inputs, columns, units, out.w_h, block);
            std::copy_n(bias.data() + from, units, out.bias + block * units);
        }
        const int block = peephole_block(cell, gate);
        if (block >= 0 && cell.full()) write_block(full.get() + from * padded, padded, units, out.peephole, block);
        if (block >= 0 && !cell.full())
            for (std::ptrdiff_t u = 0; u < units; ++u)
                out.peephole.row(block)[u * out.peephole.column_stride] = diagonal[from + u];
    }

    // One gate's rows, so that neither way of holding the matrix is written against the grain.
    void write_block(const T* from, std::ptrdiff_t from_row, std::ptrdiff_t width, Matrix<T> to, int block) const {
        if (to.column_stride == 1) {
            for (std::ptrdiff_t u = 0; u < cell.units; ++u)
                std::copy_n(from + u * from_row, width, to.row(block * cell.units + u));
            return;
        }
        for (std::ptrdiff_t begin = 0; begin < cell.units; begin += kWrittenAtOnce)
            for (std::ptrdiff_t j = 0; j < width; ++j)
                for (std::ptrdiff_t u = begin; u < std::min(cell.units, begin + kWrittenAtOnce); ++u)
                    to.row(block * cell.units + u)[j * to.column_stride] = from[u * from_row + j];
    }
};

// The sequences of one team.
template <class T>
class Backward {
  public:
    Backward(const Cell& cell, const TransposedWeights<T>& weights, const Inputs<T>& in, const BackwardInputs<T>& back,
             const Gradients<T>& out, const Share& share)
        : cell_(cell),
          weights_(weights),
          in_(in),
          back_(back),
          out_(out),
          share_(share),
          batch_(static_cast<std::ptrdiff_t>(share.size())),
          layout_(cell_),
          padded_(weights.padded()),
          gate_row_(row_length<T>(4 * padded_)),
          capacity_(std::max<std::ptrdiff_t>(kBlockRows, batch_)),
          entry_(capacity_ * layout_.width),
          d_gates_(capacity_ * gate_row_),
          c_(cell_.full_current() ? capacity_ * padded_ : 0),
          d_x_(capacity_ * Panels<T>::padded(cell_.inputs)),
          d_h_(batch_ * padded_),
          d_c_(batch_ * padded_),
          gradients_(cell_) {}

    // The part of one member: its units of every step, and of the weight gradients.
    void run(const Member& member) {
        Part part(*this, member);
        std::ptrdiff_t running = 0, s = batch_ > 0 ? sequence(0).length : 0;
        while (s-- > 0) {
            while (running < batch_ && sequence(running).length > s) start(running++, part);
            if (part.filled + running > capacity_) flush(part);
            step(running, s, part);
        }
        flush(part);
        while (running < batch_) start(running++, part);  // those of length 0: the gradient passes straight through
        const std::ptrdiff_t first = part.units.first, count = part.units.last - first;
        for (std::ptrdiff_t r = 0; r < batch_; ++r) {
            std::copy_n(d_h_.get() + r * padded_ + first, count, out_.h0 + share_[r] * cell_.units + first);
            std::copy_n(d_c_.get() + r * padded_ + first, count, out_.c0 + share_[r] * cell_.units + first);
        }
    }

    WeightGradients<T>& gradients() { return gradients_; }

  private:
    struct Place {
        std::ptrdiff_t sequence, step, row;
    };
    // What one member holds of its own: how far the block is filled, and with what.
    struct Part {
        const Member& member;
        const Member::Range units;
        std::ptrdiff_t filled = 0;
        std::vector<Place> block;
        Write write = Write::kSet;  // of weight gradients

        Part(const Backward& all, const Member& member_)
            : member(member_), units(member_.part(all.cell_.units, kUnitGrain<T>)), block(all.capacity_) {}
    };

    const Sequence& sequence(std::ptrdiff_t r) const { return in_.sequences[share_[r]]; }

    void start(std::ptrdiff_t r, const Part& part) {
        const auto begin = [&](const T* final_gradient, T* d) {
            for_unit_registers<T>(part.units, [&](std::ptrdiff_t unit, int lanes) {
                const T* from = final_gradient + share_[r] * cell_.units + unit;
                store(d + unit, final_gradient == nullptr ? Vec<T>{} : load(from, lanes));
            });
        };
        begin(back_.d_h_final, d_h_.get() + r * padded_);
        begin(back_.d_c_final, d_c_.get() + r * padded_);
    }

    // One time step of the first `count` sequences: the gradients at the pre-activations, then at what entered.
    void step(std::ptrdiff_t count, std::ptrdiff_t s, Part& part) {
        T* d_gates = d_gates_.get() + part.filled * gate_row_;
        Place* places = part.block.data() + part.filled;
        for (std::ptrdiff_t r = 0; r < count; ++r) {
            places[r] = {r, s, row_of(sequence(r), s)};
            output_gate(r, places[r], d_gates + r * gate_row_, part);
            if (!cell_.full_current()) other_gates(r, places[r], d_gates + r * gate_row_, part);
        }
        const std::ptrdiff_t first = part.units.first, last = part.units.last;
        if (cell_.full_current()) {
            part.member.wait();
            product(count, d_gates + kO * padded_, gate_row_, weights_.o_to_c(), first, last, d_c_.get(), padded_, Write::kAdd);
            for (std::ptrdiff_t r = 0; r < count; ++r) other_gates(r, places[r], d_gates + r * gate_row_, part);
        }
        part.member.wait();
        product(count, d_gates, gate_row_, weights_.to_h(), first, last, d_h_.get(), padded_, Write::kSet);
        if (cell_.full()) product(count, d_gates, gate_row_, weights_.to_c_in(), first, last, d_c_.get(), padded_, Write::kAdd);
        for (std::ptrdiff_t r = 0; r < count; ++r) {
            through_carry(in_.carry_h, places[r], back_.h, in_.h0, d_h_.get() + r * padded_, out_.carry_h, part);
            through_carry(in_.carry_c, places[r], back_.c, in_.c0, d_c_.get() + r * padded_, out_.carry_c, part);
        }
        part.filled += count;
    }

    // State of a sequence before its step.
    const T* before(const Place& place, const T* states, const T* initial) const {
        return place.step == 0 ? initial + share_[place.sequence] * cell_.units
                               : states + (place.row - sequence(place.sequence).stride) * cell_.units;
    }

    void output_gate(std::ptrdiff_t r, const Place& place, T* d_gates, const Part& part) {
        const std::ptrdiff_t units = cell_.units, row = place.row;
        T *d_h_row = d_h_.get() + r * padded_, *d_c_row = d_c_.get() + r * padded_;
        for_unit_registers<T>(part.units, [&](std::ptrdiff_t unit, int lanes) {
            // Padding reads as 0: a NaN there, times weights of 0, would pass where a carry of 0 has cut the units off.
            Vec<T> d_h = load(d_h_row + unit, lanes), d_c = load(d_c_row + unit, lanes);
            if (back_.d_h != nullptr) d_h = d_h + load(back_.d_h + row * units + unit, lanes);
            if (back_.d_c != nullptr) d_c = d_c + load(back_.d_c + row * units + unit, lanes);
            const Vec<T> o = load(back_.gates + (row * 4 + 3) * units + unit, lanes);
            const Vec<T> c = load(back_.c + row * units + unit, lanes);
            store(d_gates + kO * padded_ + unit, output_backward<T>(cell_, d_h, o, c, weights_.diagonal(unit), d_c));
            store(d_c_row + unit, d_c);
            if (cell_.full_current()) store(c_.get() + (part.filled + r) * padded_ + unit, c);
        });
    }

    void other_gates(std::ptrdiff_t r, const Place& place, T* d_gates, const Part& part) {
        const std::ptrdiff_t units = cell_.units, row = place.row;
        const T *gates = back_.gates + row * 4 * units, *c_before = before(place, back_.c, in_.c0);
        T *sums = gradients_.diagonal.data(), *d_c_row = d_c_.get() + r * padded_;
        for_unit_registers<T>(part.units, [&](std::ptrdiff_t unit, int lanes) {
            const Vec<T> i = load(gates + unit, lanes), f = load(gates + units + unit, lanes),
                         g = load(gates + 2 * units + unit, lanes), c = load(back_.c + row * units + unit, lanes),
                         c_in = carried(in_.carry_c, row, unit, lanes, load(c_before + unit, lanes));
            Vec<T> d[4];
            d[kO] = load(d_gates + kO * padded_ + unit);
            T* d_c = d_c_row + unit;
            store(d_c, state_backward<T>(cell_, load(d_c, lanes), i, f, g, c_in, c, weights_.diagonal(unit), d));
            for (const int gate : {kI, kF, kG}) store(d_gates + gate * padded_ + unit, d[gate]);
            if (cell_.peephole != Peephole::kDiagonal) return;
            const Vec<T> o_reads = cell_.peek_current ? c : c_in;
            for (const int gate : {kI, kF, kO}) {
                T* sum = sums + gate * padded_ + unit;
                store(sum, fma(d[gate], gate == kO ? o_reads : c_in, load(sum)));
            }
        });
    }

    // d holds the gradient at carry * state; leaves the gradient at the state and writes the carry's. A carry of one
    // number a step sums over all units, so it never meets a team of several members.
    void through_carry(const Carry<T>& carry, const Place& place, const T* states, const T* initial, T* d, T* d_carry,
                       const Part& part) {
        if (carry.factors == nullptr) return;
        const T *state = before(place, states, initial), *factors = carry.factors + place.row * carry.width;
        const bool by_unit = carry.width != 1;
        Vec<T> sum = {};
        for_unit_registers<T>(part.units, [&](std::ptrdiff_t unit, int lanes) {
            const Vec<T> factor = by_unit ? load(factors + unit, lanes) : splat<T>(factors[0]), given = load(d + unit, lanes);
            const Vec<T> gradient = given * load(state + unit, lanes);
            if (by_unit) store(d_carry + place.row * cell_.units + unit, gradient, lanes);
            sum = sum + gradient;
            store(d + unit, factor == Vec<T>{} ? Vec<T>{} : factor * given);
        });
        if (by_unit) return;
        d_carry[place.row] = 0;
        for (int lane = 0; lane < kLanes<T>; ++lane) d_carry[place.row] += sum[lane];
    }

    // What a block of rows owes to the weights and to x.
    void flush(Part& part) {
        const std::ptrdiff_t first = part.units.first, width = Panels<T>::padded(part.units.last) - first;
        const Member::Range rows = part.member.part(part.filled, 1);
        for (std::ptrdiff_t k = rows.first; k < rows.last; ++k) gather(part.block[k], entry_.get() + k * layout_.width);
        part.member.wait();
        const T *entry = entry_.get(), *d_gates = d_gates_.get();
        for (int gate = 0; gate < 4; ++gate) {
            const T* d = d_gates + gate * padded_ + first;
            if (weight_block(cell_, gate) < 0) continue;
            const std::ptrdiff_t to = gate * padded_ + first;
            outer_products(part.filled, d, gate_row_, width, entry, layout_.width, gradients_.columns,
                           gradients_.gates.get() + to * gradients_.columns, gradients_.columns, part.write);
            add_column_sums(part.filled, d, gate_row_, width, gradients_.bias.data() + to);
            if (!cell_.full() || gate == kG) continue;
            const bool current = gate == kO && cell_.peek_current;
            outer_products(part.filled, d, gate_row_, width, current ? c_.get() : entry + layout_.c_at,
                           current ? padded_ : layout_.width, padded_, gradients_.full.get() + to * padded_, padded_,
                           part.write);
        }
        if (out_.x != nullptr) {
            const std::ptrdiff_t x_row = Panels<T>::padded(cell_.inputs);
            product(rows.last - rows.first, d_gates + rows.first * gate_row_, gate_row_, weights_.to_x(), 0, cell_.inputs,
                    d_x_.get() + rows.first * x_row, x_row, Write::kSet);
            for (std::ptrdiff_t k = rows.first; k < rows.last; ++k)
                std::copy_n(d_x_.get() + k * x_row, cell_.inputs, out_.x + part.block[k].row * cell_.inputs);
        }
        part.filled = 0;
        part.write = Write::kAdd;
        part.member.wait();
    }

    // What entered a step, as the forward pass saw it.
    void gather(const Place& place, T* entry) const {
        const Member::Range all{0, cell_.units};
        std::copy_n(in_.x + place.row * cell_.inputs, cell_.inputs, entry);
        carry_over(in_.carry_h, place.row, before(place, back_.h, in_.h0), all, entry + layout_.h_at);
        if (cell_.full()) carry_over(in_.carry_c, place.row, before(place, back_.c, in_.c0), all, entry + layout_.c_at);
    }

    const Cell cell_;
    const TransposedWeights<T>& weights_;
    const Inputs<T>& in_;
    const BackwardInputs<T>& back_;
    const Gradients<T>& out_;
    const Share& share_;
    const std::ptrdiff_t batch_;
    const Entry<T> layout_;
    const std::ptrdiff_t padded_, gate_row_, capacity_;
    // A block: what entered its rows, the gradients at their pre-activations, their c_t.
    Scratch<T> entry_, d_gates_, c_, d_x_;
    Scratch<T> d_h_, d_c_;  // gradients that the next step back hands over, one row a sequence
    WeightGradients<T> gradients_;
};

template <class T>
void backward(const Cell& cell, const Weights<T>& plain, const Inputs<T>& in, const BackwardInputs<T>& back,
              const Gradients<T>& out) {
    const Plan planned = plan<T>(in.sequences, cell, in.threads, in.carry_h.width != 1 && in.carry_c.width != 1);
    TransposedWeights<T> weights(cell, plain);
    std::vector<Backward<T>> passes;
    passes.reserve(planned.shares.size());
    for (const Share& share : planned.shares) passes.emplace_back(cell, weights, in, back, out, share);
    run_teams(
        static_cast<int>(passes.size()), planned.members, [&](const Member& member) { weights.pack(member); },
        [&](int team, const Member& member) { passes[team].run(member); },
        [&](const Member& member) {
            // Always in the order of the teams, so that the sum is the same each time.
            for (int gate = member.index; gate < 4; gate += member.count) {
                for (std::size_t team = 1; team < passes.size(); ++team)
                    passes[0].gradients().add(passes[team].gradients(), gate);
                passes[0].gradients().write(out, gate);
            }
        });
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
