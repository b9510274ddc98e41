// Compiled once for each instruction set, with MEMCELL_ISA naming it.
#include "kernels.hpp"

#include "backward.hpp"
#include "decay.hpp"
#include "fill.hpp"
#include "forward.hpp"

namespace memcell {
namespace MEMCELL_ISA {

template <class T>
Kernels<T> kernels() {
    return {
        [](const Cell& cell, const Weights<T>& weights) -> std::shared_ptr<const void> {
            return std::make_shared<const PackedWeights<T>>(cell, weights);
        },
        [](const void* packed, const Inputs<T>& in, const ForwardOutputs<T>& out) {
            forward(*static_cast<const PackedWeights<T>*>(packed), in, out);
        },
        [](const Cell& cell, const Weights<T>& weights, const Inputs<T>& in, const BackwardInputs<T>& back,
           const Gradients<T>& out) { backward(cell, weights, in, back, out); },
        decay<T>,
        decay_backward<T>,
        fill<T>,
        fill_backward<T>,
    };
}

inline bool runs_here() {
#if defined(__AVX512F__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX2__) && defined(__FMA__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return true;
#endif
}

}  // namespace MEMCELL_ISA

#define MEMCELL_JOIN(a, b) a##b
#define MEMCELL_TABLE(isa) MEMCELL_JOIN(isa, _kernels)
#define MEMCELL_TEXT_OF(isa) #isa
#define MEMCELL_TEXT(isa) MEMCELL_TEXT_OF(isa)

const InstructionSet MEMCELL_TABLE(MEMCELL_ISA) = {MEMCELL_TEXT(MEMCELL_ISA), MEMCELL_ISA::runs_here,
                                                   MEMCELL_ISA::kernels<float>(), MEMCELL_ISA::kernels<double>()};

}  // namespace memcell
