// The pointwise stage of one time step, forward and backward: the one place where an option of the cell enters.
// Everything is one register of units; the equations are those of LstmSpec's docstring.
#pragma once
#include "call.hpp"
#include "vec.hpp"

namespace memcell {
namespace MEMCELL_ISA {

// The order of the gates inside the kernels. Those that a peephole reaches come first, so that the peephole product
// covers a leading run of them.
enum Gate { kI = 0, kF = 1, kO = 2, kG = 3 };

// Diagonal peephole weights of one register of units, in the order i, f, o; zeros elsewhere.
template <class T>
struct Diagonal {
    Vec<T> i, f, o;
};

// Gates and cell from the pre-activations z (bias and products summed); z becomes the gates. The output gate is left
// alone: output_forward completes it, because it may read c_t.
template <class T>
MEMCELL_INLINE Vec<T> state_forward(const Cell& cell, Vec<T> (&z)[4], const Diagonal<T>& p, Vec<T> c_in) {
    if (cell.peephole == Peephole::kDiagonal) {
        z[kI] = fma(p.i, c_in, z[kI]);
        z[kF] = fma(p.f, c_in, z[kF]);
    }
    z[kF] = sigmoid<T>(z[kF]);
    z[kI] = cell.coupled ? T(1) - z[kF] : sigmoid<T>(z[kI]);
    z[kG] = tanh<T>(z[kG]);
    const Vec<T> c = fma(z[kF], c_in, z[kI] * z[kG]);
    return cell.clip > 0 ? at_least(at_most(c, T(cell.clip)), T(-cell.clip)) : c;
}

// o becomes the output gate; the result is h_t.
template <class T>
MEMCELL_INLINE Vec<T> output_forward(const Cell& cell, Vec<T>& o, const Diagonal<T>& p, Vec<T> c_in, Vec<T> c) {
    if (cell.peephole == Peephole::kDiagonal) o = fma(p.o, cell.peek_current ? c : c_in, o);
    o = sigmoid<T>(o);
    return o * tanh<T>(c);
}

// From dL/dh_t: the gradient at the output gate's pre-activation; d_c gains what comes through h_t and a diagonal
// peephole at c_t.
template <class T>
MEMCELL_INLINE Vec<T> output_backward(const Cell& cell, Vec<T> d_h, Vec<T> o, Vec<T> c, const Diagonal<T>& p,
                                      Vec<T>& d_c) {
    const Vec<T> tanh_c = tanh<T>(c);
    const Vec<T> d_o = d_h * tanh_c * (o * (T(1) - o));
    d_c = fma(d_h * o, T(1) - tanh_c * tanh_c, d_c);
    if (cell.peephole == Peephole::kDiagonal && cell.peek_current) d_c = fma(d_o, p.o, d_c);
    return d_o;
}

// From dL/dc_t, complete: the gradients at the other pre-activations, d[kI], d[kF], d[kG]; d[kO] is given. The result is
// what reaches c~ without a matrix.
template <class T>
MEMCELL_INLINE Vec<T> state_backward(const Cell& cell, Vec<T> d_c, Vec<T> i, Vec<T> f, Vec<T> g, Vec<T> c_in, Vec<T> c,
                                     const Diagonal<T>& p, Vec<T> (&d)[4]) {
    if (cell.clip > 0) d_c = (c >= T(cell.clip)) | (c <= T(-cell.clip)) ? Vec<T>{} : d_c;
    d[kI] = d_c * g * (i * (T(1) - i));
    d[kF] = d_c * c_in * (f * (T(1) - f));
    if (cell.coupled) {
        // i = 1 - f: di/dz_f = -f (1 - f), and there is no z_i.
        d[kF] = d[kF] - d[kI];
        d[kI] = Vec<T>{};
    }
    d[kG] = d_c * i * (T(1) - g * g);
    Vec<T> d_c_in = d_c * f;
    if (cell.peephole == Peephole::kDiagonal) {
        d_c_in = fma(d[kF], p.f, fma(d[kI], p.i, d_c_in));
        if (!cell.peek_current) d_c_in = fma(d[kO], p.o, d_c_in);
    }
    return d_c_in;
}

}  // namespace MEMCELL_ISA
}  // namespace memcell
