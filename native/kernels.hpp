// The kernels of one instruction set as a table of functions, so that the rest of the extension does not know which
// one runs.
#pragma once
#include "call.hpp"

#include <memory>

namespace memcell {

template <class T>
struct Kernels {
    using Packed = std::shared_ptr<const void>;
    Packed (*pack)(const Cell&, const Weights<T>&);
    void (*forward)(const void* packed, const Inputs<T>&, const ForwardOutputs<T>&);
    void (*backward)(const Cell&, const Weights<T>&, const Inputs<T>&, const BackwardInputs<T>&, const Gradients<T>&);
    void (*decay)(const Decay<T>&, T* factors);
    void (*decay_backward)(const Decay<T>&, const T* factors, const T* d_factors, Matrix<T> d_weight, T* d_bias);
    void (*fill)(const Gaps<T>&, const T* values, T* filled);
    void (*fill_backward)(const Gaps<T>&, const T* d_filled, T* d_rate);
};

struct InstructionSet {
    const char* name;
    bool (*runs_here)();
    Kernels<float> f32;
    Kernels<double> f64;
};

extern const InstructionSet portable_kernels;
extern const InstructionSet avx2_kernels;    // where MEMCELL_HAS_AVX2 is defined
extern const InstructionSet avx512_kernels;  // where MEMCELL_HAS_AVX512 is defined
extern const InstructionSet neon_kernels;    // where MEMCELL_HAS_NEON is defined

}  // namespace memcell
