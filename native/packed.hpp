// Weights rearranged for the kernels. A unit's four gates lie side by side, one register each, so that the product
// over [x, h~] ends with everything the pointwise stage of those units needs.
#pragma once
#include "cell.hpp"
#include "product.hpp"
#include "scratch.hpp"
#include "team.hpp"

namespace memcell {
namespace MEMCELL_ISA {

// Row block of `gate` in the caller's weights (i, f, g, o; coupled f, g, o) and in a peephole (i, f, o; f, o); -1 where
// the cell has none.
inline int weight_block(const Cell& cell, int gate) {
    static constexpr int plain[4] = {0, 1, 3, 2}, coupled[4] = {-1, 0, 2, 1};
    return cell.coupled ? coupled[gate] : plain[gate];
}
inline int peephole_block(const Cell& cell, int gate) {
    static constexpr int plain[4] = {0, 1, 2, -1}, coupled[4] = {-1, 0, 1, -1};
    if (cell.peephole == Peephole::kNone) return -1;
    return cell.coupled ? coupled[gate] : plain[gate];
}
// How many of the leading gates i, f, o read c~ through the full matrix in the main product.
inline int gates_reading_c_in(const Cell& cell) { return !cell.full() ? 0 : cell.peek_current ? 2 : 3; }

template <class T>
class DiagonalWeights {
  public:
    DiagonalWeights(const Cell& cell, const Weights<T>& w)
        : padded_(Panels<T>::padded(cell.units)), values_(3 * padded_) {
        std::fill_n(values_.get(), 3 * padded_, T(0));
        for (int gate = 0; gate < 3 && cell.peephole == Peephole::kDiagonal; ++gate)
            if (const int block = peephole_block(cell, gate); block >= 0)
                for (std::ptrdiff_t u = 0; u < cell.units; ++u)
                    values_.get()[gate * padded_ + u] = w.peephole.row(block)[u * w.peephole.column_stride];
    }
    Diagonal<T> at(std::ptrdiff_t unit) const {
        const T* p = values_.get() + unit;
        return {load(p), load(p + padded_), load(p + 2 * padded_)};
    }

  private:
    std::ptrdiff_t padded_;
    Scratch<T> values_;
};

// For the forward pass and for single steps.
template <class T>
class PackedWeights {
  public:
    PackedWeights(const Cell& cell, const Weights<T>& w)
        : cell_(cell),
          padded_(Panels<T>::padded(cell.units)),
          depth_(cell.inputs + cell.units),
          peeks_(gates_reading_c_in(cell)),
          panels_(padded_ * (4 * depth_ + peeks_ * cell.units)),
          bias_(4 * padded_),
          o_current_(cell.full_current() ? Panels<T>::size(cell.units, cell.units) : 0),
          diagonal_(cell, w) {
        T* out = panels_.get();
        for (std::ptrdiff_t first = 0; first < padded_; first += kLanes<T>) {
            pack_panel(out, w.w_x, cell.inputs, 4, first, weight_block);
            out += cell.inputs * 4 * kLanes<T>;
            pack_panel(out, w.w_h, cell.units, 4, first, weight_block);
            out += cell.units * 4 * kLanes<T>;
            pack_panel(out, w.peephole, cell.units, peeks_, first, peephole_block);
            out += cell.units * peeks_ * kLanes<T>;
            pack_panel(bias_.get() + 4 * first, {w.bias, 1, 1}, 1, 4, first, weight_block);
        }
        if (!cell.full_current()) return;
        const Panels<T> o = o_current();
        for (std::ptrdiff_t first = 0; first < cell.units; first += kLanes<T>) {
            const std::ptrdiff_t panel = first / o.width * o.width;
            pack_units(o_current_.get() + panel * o.depth + first - panel, o.panel_width(panel), w.peephole, o.depth,
                       peephole_block(cell, kO), first);
        }
    }

    const Cell& cell() const { return cell_; }
    std::ptrdiff_t padded() const { return padded_; }
    std::ptrdiff_t depth() const { return depth_; }
    int peeks() const { return peeks_; }
    // Panel of the units first .. first + lanes: [I + H][4][lanes], then [H][peeks][lanes].
    const T* panel(std::ptrdiff_t first) const { return panels_.get() + first * (4 * depth_ + peeks_ * cell_.units); }
    const T* bias(std::ptrdiff_t first) const { return bias_.get() + 4 * first; }
    Diagonal<T> diagonal(std::ptrdiff_t unit) const { return diagonal_.at(unit); }
    Panels<T> o_current() const { return {o_current_.get(), cell_.units, cell_.units}; }

  private:
    // out [depth][gates][lanes] of the units first .. first + lanes.
    template <class BlockOf>
    void pack_panel(T* out, Matrix<const T> matrix, std::ptrdiff_t depth, int gates, std::ptrdiff_t first,
                    BlockOf block_of) {
        for (int gate = 0; gate < gates; ++gate)
            pack_units(out + gate * kLanes<T>, gates * kLanes<T>, matrix, depth, block_of(cell_, gate), first);
    }

    // to [depth][lanes], `to_row` apart, from the rows of one block that belong to a register of units.
    void pack_units(T* to, std::ptrdiff_t to_row, Matrix<const T> matrix, std::ptrdiff_t depth, int block,
                    std::ptrdiff_t first) {
        const bool there = block >= 0;
        const int lanes = there ? static_cast<int>(std::min<std::ptrdiff_t>(kLanes<T>, cell_.units - first)) : 0;
        pack_lanes(to, to_row, there ? matrix.row(block * cell_.units + first) : matrix.data, matrix.column_stride,
                   matrix.row_stride, depth, lanes);
    }

    Cell cell_;
    std::ptrdiff_t padded_, depth_;
    int peeks_;
    Scratch<T> panels_, bias_, o_current_;
    DiagonalWeights<T> diagonal_;
};

// For the backward pass: the same matrices the other way round, [gate rows -> columns], gates in the kernels' order.
template <class T>
class TransposedWeights {
  public:
    TransposedWeights(const Cell& cell, const Weights<T>& w)
        : cell_(cell),
          plain_(w),
          padded_(Panels<T>::padded(cell.units)),
          to_x_(Panels<T>::size(4 * padded_, cell.inputs)),
          to_h_(Panels<T>::size(4 * padded_, cell.units)),
          to_c_in_(Panels<T>::size(gates_reading_c_in(cell) * padded_, cell.units)),
          o_to_c_(cell.full_current() ? Panels<T>::size(padded_, cell.units) : 0),
          diagonal_(cell, w) {}

    // Each member packs some of the columns; nothing may be read before all have done so.
    void pack(const Member& member) {
        pack_columns(to_x_.get(), to_x(), plain_.w_x, kI, weight_block, member);
        pack_columns(to_h_.get(), to_h(), plain_.w_h, kI, weight_block, member);
        if (cell_.full()) pack_columns(to_c_in_.get(), to_c_in(), plain_.peephole, kI, peephole_block, member);
        if (cell_.full_current()) pack_columns(o_to_c_.get(), o_to_c(), plain_.peephole, kO, peephole_block, member);
    }

    std::ptrdiff_t padded() const { return padded_; }
    Diagonal<T> diagonal(std::ptrdiff_t unit) const { return diagonal_.at(unit); }
    Panels<T> to_x() const { return {to_x_.get(), 4 * padded_, cell_.inputs}; }
    Panels<T> to_h() const { return {to_h_.get(), 4 * padded_, cell_.units}; }
    Panels<T> to_c_in() const { return {to_c_in_.get(), gates_reading_c_in(cell_) * padded_, cell_.units}; }
    Panels<T> o_to_c() const { return {o_to_c_.get(), padded_, cell_.units}; }

  private:
    template <class BlockOf>
    void pack_columns(T* out, const Panels<T>& shape, Matrix<const T> matrix, int first_gate, BlockOf block_of,
                      const Member& member) {
        const Member::Range columns = member.part(shape.columns, kLanes<T>);
        for (std::ptrdiff_t column = columns.first; column < columns.last; column += kLanes<T>) {
            const std::ptrdiff_t panel = column / shape.width * shape.width, row_width = shape.panel_width(panel);
            const int lanes = static_cast<int>(std::min<std::ptrdiff_t>(kLanes<T>, shape.columns - column));
            for (std::ptrdiff_t row = 0; row < shape.depth; row += padded_) {
                T* to = out + panel * shape.depth + row * row_width + column - panel;
                const int block = block_of(cell_, first_gate + static_cast<int>(row / padded_));
                const std::ptrdiff_t given = block < 0 ? 0 : cell_.units;
                if (given > 0)
                    pack_lanes(to, row_width, matrix.row(block * cell_.units) + column * matrix.column_stride,
                               matrix.row_stride, matrix.column_stride, given, lanes);
                for (std::ptrdiff_t k = given; k < padded_; ++k) store(to + k * row_width, Vec<T>{});
            }
        }
    }

    Cell cell_;
    Weights<T> plain_;
    std::ptrdiff_t padded_;
    Scratch<T> to_x_, to_h_, to_c_in_, o_to_c_;
    DiagonalWeights<T> diagonal_;
};

}  // namespace MEMCELL_ISA
}  // namespace memcell
