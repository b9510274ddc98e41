// The backward pass of one layer: backpropagation through time, with the weight gradients summed over blocks of rows
// while these still lie in the cache.
#pragma once
#include "steps.hpp"

namespace memcell {
namespace MEMCELL_ISA {

constexpr std::ptrdiff_t kBlockRows = 96;

// Weight gradients of one thread, in the kernels' layout: gate rows padded to registers, in the order i, f, o, g.
template <class T>
struct WeightGradients {
    const Cell& cell;
    std::ptrdiff_t padded, columns;        // columns: [x, h~] padded
    std::vector<T> gates, full, diagonal, bias;  // [4 Hp, columns], [3 Hp, Hp], [3 Hp], [4 Hp]

    explicit WeightGradients(const Cell& cell_)
        : cell(cell_),
          padded(Panels<T>::padded(cell.units)),
          columns(Entry<T>(cell).c_at),
          gates(4 * padded * columns, T(0)),
          full(cell.full() ? 3 * padded * padded : 0, T(0)),
          diagonal(3 * padded, T(0)),
          bias(4 * padded, T(0)) {}

    // What belongs to one gate, added to here.
    void add(const WeightGradients& other, int gate) {
        const auto sum = [&](std::vector<T>& into, const std::vector<T>& from, std::ptrdiff_t width) {
            for (std::ptrdiff_t j = gate * padded * width; j < (gate + 1) * padded * width; ++j) into[j] += from[j];
        };
        sum(gates, other.gates, columns);
        sum(bias, other.bias, 1);
        if (gate != kG) sum(diagonal, other.diagonal, 1);
        if (gate != kG && cell.full()) sum(full, other.full, padded);
    }

    void write(const Gradients<T>& out, int gate) const {
        const std::ptrdiff_t units = cell.units, inputs = cell.inputs, from = gate * padded;
        if (const int block = weight_block(cell, gate); block >= 0) {
            write_block(gates.data() + from * columns, columns, inputs, out.w_x, block);
            write_block(gates.data() + from * columns + inputs, columns, units, out.w_h, block);
            std::copy_n(bias.data() + from, units, out.bias + block * units);
        }
        const int block = peephole_block(cell, gate);
        if (block >= 0 && cell.full()) write_block(full.data() + from * padded, padded, units, out.peephole, block);
        if (block >= 0 && !cell.full())
            for (std::ptrdiff_t u = 0; u < units; ++u)
                out.peephole.row(block)[u * out.peephole.column_stride] = diagonal[from + u];
    }

    // One gate's rows, a few at a time, so that neither way of holding the matrix is written against the grain.
    void write_block(const T* from, std::ptrdiff_t from_row, std::ptrdiff_t width, Matrix<T> to, int block) const {
        for (std::ptrdiff_t begin = 0; begin < cell.units; begin += kPackedAtOnce)
            for (std::ptrdiff_t j = 0; j < width; ++j)
                for (std::ptrdiff_t u = begin; u < std::min(cell.units, begin + kPackedAtOnce); ++u)
                    to.row(block * cell.units + u)[j * to.column_stride] = from[u * from_row + j];
    }
};

template <class T>
class Backward {
  public:
    Backward(const Cell& cell, const TransposedWeights<T>& weights, const Inputs<T>& in, const BackwardInputs<T>& back,
             const Gradients<T>& out, const std::vector<std::ptrdiff_t>& share)
        : cell_(cell),
          weights_(weights),
          in_(in),
          back_(back),
          out_(out),
          share_(share),
          layout_(cell_),
          padded_(weights.padded()),
          gate_row_(row_length<T>(4 * padded_)),
          capacity_(std::max<std::ptrdiff_t>(kBlockRows, share.size())),
          entry_(capacity_ * layout_.width),
          d_gates_(capacity_ * gate_row_),
          c_(cell_.full_current() ? capacity_ * padded_ : 0),
          d_x_(capacity_ * Panels<T>::padded(cell_.inputs)),
          d_h_(static_cast<std::ptrdiff_t>(share.size()) * padded_),
          d_c_(static_cast<std::ptrdiff_t>(share.size()) * padded_),
          block_rows_(capacity_),
          gradients_(cell_) {}

    void run() {
        const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(share_.size());
        std::ptrdiff_t running = 0, s = count > 0 ? in_.sequences[share_[0]].length : 0;
        while (s-- > 0) {
            while (running < count && sequence(running).length > s) start(running++);
            if (filled_ + running > capacity_) flush();
            step(running, s);
        }
        flush();
        while (running < count) start(running++);  // those of length 0: the gradient passes straight through
        for (std::ptrdiff_t r = 0; r < count; ++r) {
            std::copy_n(d_h_.get() + r * padded_, cell_.units, out_.h0 + share_[r] * cell_.units);
            std::copy_n(d_c_.get() + r * padded_, cell_.units, out_.c0 + share_[r] * cell_.units);
        }
    }

    WeightGradients<T>& gradients() { return gradients_; }

  private:
    const Sequence& sequence(std::ptrdiff_t r) const { return in_.sequences[share_[r]]; }

    void start(std::ptrdiff_t r) {
        const auto begin = [&](const T* final_gradient, T* d) {
            std::fill(d, d + padded_, T(0));
            if (final_gradient != nullptr) std::copy_n(final_gradient + share_[r] * cell_.units, cell_.units, d);
        };
        begin(back_.d_h_final, d_h_.get() + r * padded_);
        begin(back_.d_c_final, d_c_.get() + r * padded_);
    }

    void step(std::ptrdiff_t count, std::ptrdiff_t s) {
        T* entry = entry_.get() + filled_ * layout_.width;
        T* d_gates = d_gates_.get() + filled_ * gate_row_;
        for (std::ptrdiff_t r = 0; r < count; ++r) {
            const std::ptrdiff_t row = block_rows_[filled_ + r] = row_of(sequence(r), s);
            enter_step(cell_, in_, row, before(r, s, back_.h, in_.h0), before(r, s, back_.c, in_.c0),
                       entry + r * layout_.width);
            output_gate(r, row, d_gates + r * gate_row_);
        }
        if (cell_.full_current())
            product(count, d_gates + kO * padded_, gate_row_, weights_.o_to_c(), d_c_.get(), padded_, Write::kAdd);
        for (std::ptrdiff_t r = 0; r < count; ++r)
            other_gates(r, block_rows_[filled_ + r], entry + r * layout_.width + layout_.c_at, d_gates + r * gate_row_);

        product(count, d_gates, gate_row_, weights_.to_h(), d_h_.get(), padded_, Write::kSet);
        if (cell_.full()) product(count, d_gates, gate_row_, weights_.to_c_in(), d_c_.get(), padded_, Write::kAdd);
        for (std::ptrdiff_t r = 0; r < count; ++r) {
            const std::ptrdiff_t row = block_rows_[filled_ + r];
            through_carry(in_.carry_h, row, before(r, s, back_.h, in_.h0), d_h_.get() + r * padded_, out_.carry_h);
            through_carry(in_.carry_c, row, before(r, s, back_.c, in_.c0), d_c_.get() + r * padded_, out_.carry_c);
        }
        filled_ += count;
    }

    // State of sequence r before step s.
    const T* before(std::ptrdiff_t r, std::ptrdiff_t s, const T* states, const T* initial) const {
        return s == 0 ? initial + share_[r] * cell_.units : states + row_of(sequence(r), s - 1) * cell_.units;
    }

    void output_gate(std::ptrdiff_t r, std::ptrdiff_t row, T* d_gates) {
        const std::ptrdiff_t units = cell_.units;
        for_unit_registers<T>(units, [&](std::ptrdiff_t unit, int lanes) {
            T *d_h_at = d_h_.get() + r * padded_ + unit, *d_c_at = d_c_.get() + r * padded_ + unit;
            // Padding reads as 0: a NaN there, times weights of 0, would pass where a carry of 0 has cut the units off.
            Vec<T> d_h = load(d_h_at, lanes), d_c = load(d_c_at, lanes);
            if (back_.d_h != nullptr) d_h = d_h + load(back_.d_h + row * units + unit, lanes);
            if (back_.d_c != nullptr) d_c = d_c + load(back_.d_c + row * units + unit, lanes);
            const Vec<T> o = load(back_.gates + (row * 4 + 3) * units + unit, lanes);
            const Vec<T> c = load(back_.c + row * units + unit, lanes);
            store(d_gates + kO * padded_ + unit, output_backward<T>(cell_, d_h, o, c, weights_.diagonal(unit), d_c));
            store(d_c_at, d_c);
            if (cell_.full_current()) store(c_.get() + (filled_ + r) * padded_ + unit, c);
        });
    }

    void other_gates(std::ptrdiff_t r, std::ptrdiff_t row, const T* c_in_row, T* d_gates) {
        const std::ptrdiff_t units = cell_.units;
        const T* gates = back_.gates + row * 4 * units;
        T* sums = gradients_.diagonal.data();
        for_unit_registers<T>(units, [&](std::ptrdiff_t unit, int lanes) {
            const Vec<T> i = load(gates + unit, lanes), f = load(gates + units + unit, lanes),
                         g = load(gates + 2 * units + unit, lanes), c_in = load(c_in_row + unit);
            Vec<T> d[4];
            d[kO] = load(d_gates + kO * padded_ + unit);
            T* d_c = d_c_.get() + r * padded_ + unit;
            store(d_c, state_backward<T>(cell_, load(d_c, lanes), i, f, g, c_in, weights_.diagonal(unit), d));
            for (const int gate : {kI, kF, kG}) store(d_gates + gate * padded_ + unit, d[gate]);
            if (cell_.peephole != Peephole::kDiagonal) return;
            const Vec<T> o_reads = cell_.peek_current ? load(back_.c + row * units + unit, lanes) : c_in;
            for (const int gate : {kI, kF, kO}) {
                T* sum = sums + gate * padded_ + unit;
                store(sum, fma(d[gate], gate == kO ? o_reads : c_in, load(sum)));
            }
        });
    }

    // d holds the gradient at carry * state; leaves the gradient at the state and writes the carry's.
    void through_carry(const Carry<T>& carry, std::ptrdiff_t row, const T* state, T* d, T* d_carry) {
        if (carry.factors == nullptr) return;
        const std::ptrdiff_t units = cell_.units, step = carry.width == 1 ? 0 : 1;
        const T* a = carry.factors + row * carry.width;
        T sum = 0;
        for (std::ptrdiff_t u = 0; u < units; ++u) {
            sum += d[u] * state[u];
            if (step == 1) d_carry[row * units + u] = d[u] * state[u];
            d[u] = a[u * step] == T(0) ? T(0) : a[u * step] * d[u];
        }
        if (step == 0) d_carry[row] = sum;
    }

    // What a block of rows owes to the weights and to x.
    void flush() {
        const std::ptrdiff_t x_row = Panels<T>::padded(cell_.inputs);
        const T *entry = entry_.get(), *d_gates = d_gates_.get();
        add_outer_products(filled_, d_gates, gate_row_, 4 * padded_, entry, layout_.width, gradients_.columns,
                           gradients_.gates.data(), gradients_.columns);
        if (cell_.full()) {
            T* full = gradients_.full.data();
            add_outer_products(filled_, d_gates, gate_row_, gates_reading_c_in(cell_) * padded_, entry + layout_.c_at,
                               layout_.width, padded_, full, padded_);
            if (cell_.full_current())
                add_outer_products(filled_, d_gates + kO * padded_, gate_row_, padded_, c_.get(), padded_, padded_,
                                   full + kO * padded_ * padded_, padded_);
        }
        for (std::ptrdiff_t column = 0; column < 4 * padded_; column += kLanes<T>) {
            Vec<T> sum = {};
            for (std::ptrdiff_t row = 0; row < filled_; ++row) sum = sum + load(d_gates + row * gate_row_ + column);
            store(gradients_.bias.data() + column, load(gradients_.bias.data() + column) + sum);
        }
        product(filled_, d_gates, gate_row_, weights_.to_x(), d_x_.get(), x_row, Write::kSet);
        for (std::ptrdiff_t row = 0; row < filled_; ++row)
            std::copy_n(d_x_.get() + row * x_row, cell_.inputs, out_.x + block_rows_[row] * cell_.inputs);
        filled_ = 0;
    }

    const Cell cell_;
    const TransposedWeights<T>& weights_;
    const Inputs<T>& in_;
    const BackwardInputs<T>& back_;
    const Gradients<T>& out_;
    const std::vector<std::ptrdiff_t>& share_;
    const Entry<T> layout_;
    const std::ptrdiff_t padded_, gate_row_, capacity_;
    // A block: what entered its rows, the gradients at their pre-activations, their c_t; filled_ rows so far.
    Scratch<T> entry_, d_gates_, c_, d_x_;
    Scratch<T> d_h_, d_c_;  // gradients that the next step back hands over, one row a sequence
    std::vector<std::ptrdiff_t> block_rows_;
    std::ptrdiff_t filled_ = 0;
    WeightGradients<T> gradients_;
};

template <class T>
void backward(const Cell& cell, const Weights<T>& plain, const Inputs<T>& in, const BackwardInputs<T>& back,
              const Gradients<T>& out) {
    const auto shares = share_out(in.sequences, in.threads);
    const int threads = static_cast<int>(shares.size());
    const TransposedWeights<T> weights(cell, plain, threads);
    std::vector<Backward<T>> passes;
    passes.reserve(threads);
    for (const auto& share : shares) passes.emplace_back(cell, weights, in, back, out, share);
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int t = 0; t < threads; ++t) passes[t].run();
    // Always in the order of the threads, so that the sum is the same each time.
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int gate = 0; gate < 4; ++gate) {
        for (int t = 1; t < threads; ++t) passes[0].gradients().add(passes[t].gradients(), gate);
        passes[0].gradients().write(out, gate);
    }
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
