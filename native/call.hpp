// What crosses from Python into the kernels: the cell's options, the weights, and one layer's arrays over a ragged
// batch. Nothing here depends on the instruction set. All arrays but the weights are C-contiguous; null means
// "not given".
#pragma once
#include <cstddef>
#include <vector>

namespace memcell {

enum class Peephole { kNone, kDiagonal, kFull };

struct Cell {
    Peephole peephole = Peephole::kNone;
    bool peek_current = false;  // the output gate reads c_t instead of c~
    bool coupled = false;       // i = 1 - f
    double clip = 0;            // c_t stays within +-clip; 0: free
    std::ptrdiff_t inputs = 0, units = 0;

    int gates() const { return coupled ? 3 : 4; }  // weight rows: i, f, g, o; coupled: f, g, o
    bool full() const { return peephole == Peephole::kFull; }
    bool full_current() const { return full() && peek_current; }
};

// Step s of a sequence reads and writes row first + s * stride of every per-step array: stride 1 forwards,
// -1 in reverse, the batch size in a time-major tensor.
struct Sequence {
    std::ptrdiff_t first, length, stride;
};

// A matrix in the caller's layout: Keras holds the transpose of what PyTorch holds, and neither is copied.
template <class T>
struct Matrix {
    T* data;
    std::ptrdiff_t row_stride, column_stride;
    T* row(std::ptrdiff_t index) const { return data + index * row_stride; }
};

template <class T>
struct Weights {
    Matrix<const T> w_x, w_h;  // [G*H, I], [G*H, H]
    const T* bias;             // [G*H]
    Matrix<const T> peephole;  // null | [P, H] | [P*H, H]
};

// Carry factors of one state: none, one number a step (width 1) or one a unit (width H).
template <class T>
struct Carry {
    const T* factors = nullptr;
    std::ptrdiff_t width = 0;
};

template <class T>
struct Inputs {
    const T *x, *h0, *c0;  // [N, I], [B, H], [B, H]
    Carry<T> carry_h, carry_c;
    std::vector<Sequence> sequences;  // B of them
    int threads = 1;
    std::ptrdiff_t steps_before = 0;  // that the same weights have run; see Forward::step
};

template <class T>
struct ForwardOutputs {
    T *h, *h_final, *c_final;  // [N, H], [B, H], [B, H]
    T *c, *gates;              // [N, H], [N, 4, H] after their nonlinearities, in the order i, f, g, o; may be null
};

template <class T>
struct BackwardInputs {
    const T *h, *c, *gates;                     // as the forward call left them
    const T *d_h, *d_c, *d_h_final, *d_c_final;  // each may be null: zeros
};

template <class T>
struct Gradients {
    T* x;  // null: not wanted
    Matrix<T> w_x, w_h;
    T* bias;
    Matrix<T> peephole;
    T *h0, *c0;
    T *carry_h, *carry_c;  // null where the carry was not given
};

// What the factors of a state are made of, see decay.hpp.
template <class T>
struct Decay {
    std::ptrdiff_t rows, inputs, units;
    const T* x;              // [rows, inputs]
    Matrix<const T> weight;  // [units, inputs]
    const T* bias;           // [units]; null: zeros
    int threads;
};

// Channels of which some values are missing, see fill.hpp.
template <class T>
struct Gaps {
    std::ptrdiff_t rows, channels;
    const T *last, *since;  // [rows, channels]
    const T* rate;          // [channels]
    int threads;
};

}  // namespace memcell
