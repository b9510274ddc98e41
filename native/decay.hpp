// Factors of a state for the time that has passed, exp(-max(x W^T + b, 0)) (Che et al., GRU-D, arXiv 1606.01865, eq. 3),
// and what their gradients owe to W and b. Rows pass in blocks whose exponents stay in the cache.
#pragma once
#include "steps.hpp"

namespace memcell {
namespace MEMCELL_ISA {

constexpr std::ptrdiff_t kDecayRows = 64;

// One member's sums over its rows, the weight's transposed: [inputs, padded], [padded].
template <class T>
struct DecaySums {
    std::vector<T> weight, bias;
    DecaySums(std::ptrdiff_t inputs, std::ptrdiff_t padded) : weight(inputs * padded, T(0)), bias(padded, T(0)) {}
};

template <class T>
class DecayPass {
  public:
    explicit DecayPass(const Decay<T>& in)
        : in_(in), padded_(Panels<T>::padded(in.units)), panels_(Panels<T>::size(in.inputs, in.units)) {}

    std::ptrdiff_t padded() const { return padded_; }

    // Each member packs some of the columns; nothing may be read before all have done so.
    void pack(const Member& member) {
        const Panels<T> shape = weight();
        const Member::Range units = member.part(in_.units, kLanes<T>);
        for_unit_registers<T>(units, [&](std::ptrdiff_t unit, int lanes) {
            const std::ptrdiff_t panel = unit / shape.width * shape.width;
            pack_lanes(panels_.get() + panel * shape.depth + unit - panel, shape.panel_width(panel), in_.weight.row(unit),
                       in_.weight.column_stride, in_.weight.row_stride, shape.depth, lanes);
        });
    }

    void forward(const Member& member, T* factors) const {
        for_blocks(member, [&](std::ptrdiff_t row, std::ptrdiff_t unit, int lanes, Vec<T> exponent, T*) {
            store(factors + row * in_.units + unit, exp_of_negative<T>(exponent), lanes);
        }, [](std::ptrdiff_t, std::ptrdiff_t, const T*) {});
    }

    // The gradient passes where the exponent is 0, as where an observation has just been made.
    void backward(const Member& member, const T* factors, const T* d_factors, DecaySums<T>& sums) const {
        for_blocks(member, [&](std::ptrdiff_t row, std::ptrdiff_t unit, int lanes, Vec<T> exponent, T* out) {
            const std::ptrdiff_t at = row * in_.units + unit;
            const Vec<T> d = load(factors + at, lanes) * load(d_factors + at, lanes);
            store(out, exponent >= Vec<T>{} ? -d : Vec<T>{});
        }, [&](std::ptrdiff_t first, std::ptrdiff_t rows, const T* d) {
            outer_products(rows, in_.x + first * in_.inputs, in_.inputs, in_.inputs, d, padded_, padded_,
                           sums.weight.data(), padded_, Write::kAdd);
            add_column_sums(rows, d, padded_, padded_, sums.bias.data());
        });
    }

  private:
    Panels<T> weight() const { return {panels_.get(), in_.inputs, in_.units}; }

    // A member's rows in blocks: at(row, unit, lanes, exponent, its place in the block) of each register, then
    // done(first row, rows, block [rows, padded]).
    template <class At, class Done>
    void for_blocks(const Member& member, At&& at, Done&& done) const {
        Scratch<T> block(kDecayRows * padded_);
        const Member::Range rows = member.part(in_.rows, kDecayRows);
        for (std::ptrdiff_t first = rows.first; first < rows.last; first += kDecayRows) {
            const std::ptrdiff_t count = std::min(kDecayRows, rows.last - first);
            product(count, in_.x + first * in_.inputs, in_.inputs, weight(), 0, in_.units, block.get(), padded_, Write::kSet);
            for (std::ptrdiff_t r = 0; r < count; ++r)
                for_unit_registers<T>({0, in_.units}, [&](std::ptrdiff_t unit, int lanes) {
                    T* place = block.get() + r * padded_ + unit;
                    const Vec<T> product = load(place);
                    at(first + r, unit, lanes, in_.bias == nullptr ? product : product + load(in_.bias + unit, lanes), place);
                });
            done(first, count, block.get());
        }
    }

    const Decay<T>& in_;
    std::ptrdiff_t padded_;
    Scratch<T> panels_;
};

template <class T>
void decay(const Decay<T>& in, T* factors) {
    DecayPass<T> pass(in);
    run_teams(
        1, in.threads, [&](const Member& member) { pass.pack(member); },
        [&](int, const Member& member) { pass.forward(member, factors); }, [](const Member&) {});
}

template <class T>
void decay_backward(const Decay<T>& in, const T* factors, const T* d_factors, Matrix<T> d_weight, T* d_bias) {
    DecayPass<T> pass(in);
    std::vector<DecaySums<T>> sums(in.threads, DecaySums<T>(in.inputs, pass.padded()));
    run_teams(
        1, in.threads, [&](const Member& member) { pass.pack(member); },
        [&](int, const Member& member) { pass.backward(member, factors, d_factors, sums[member.index]); },
        [&](const Member& member) {
            // Always in the order of the members, so that the sum is the same each time.
            const Member::Range units = member.part(in.units, kLanes<T>);
            const auto total = [&](std::vector<T> DecaySums<T>::* of, std::ptrdiff_t at) {
                T sum = 0;
                for (const DecaySums<T>& one : sums) sum += (one.*of)[at];
                return sum;
            };
            for (std::ptrdiff_t unit = units.first; unit < units.last; ++unit) {
                for (std::ptrdiff_t k = 0; k < in.inputs; ++k)
                    d_weight.row(unit)[k * d_weight.column_stride] = total(&DecaySums<T>::weight, k * pass.padded() + unit);
                if (d_bias != nullptr) d_bias[unit] = total(&DecaySums<T>::bias, unit);
            }
        });
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
