// The edge to Python. Arguments were checked by memcell.backends.native; here arrays become pointers.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels.hpp"
#include "scratch.hpp"

namespace nb = nanobind;

namespace memcell {
namespace {

template <class T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
template <class T>
using MaybeIn = std::optional<In<T>>;
template <class T>
using MaybeOut = std::optional<Out<T>>;

template <class T>
using InMatrix = nb::ndarray<const T, nb::ndim<2>, nb::device::cpu>;
template <class T>
using OutMatrix = nb::ndarray<T, nb::ndim<2>, nb::device::cpu>;

template <class A>
auto matrix(const A& array) -> Matrix<std::remove_pointer_t<decltype(array.data())>> {
    return {array.data(), static_cast<std::ptrdiff_t>(array.stride(0)), static_cast<std::ptrdiff_t>(array.stride(1))};
}
template <class A>
auto matrix(const std::optional<A>& array) -> decltype(matrix(*array)) {
    if (!array) return {nullptr, 0, 0};
    return matrix(*array);
}

template <class A>
auto* pointer(const std::optional<A>& array) {
    return array ? array->data() : nullptr;
}

std::vector<const InstructionSet*> available() {
    std::vector<const InstructionSet*> sets;
#ifdef MEMCELL_HAS_AVX512
    if (avx512_kernels.runs_here()) sets.push_back(&avx512_kernels);
#endif
#ifdef MEMCELL_HAS_AVX2
    if (avx2_kernels.runs_here()) sets.push_back(&avx2_kernels);
#endif
#ifdef MEMCELL_HAS_NEON
    sets.push_back(&neon_kernels);
#endif
    sets.push_back(&portable_kernels);
    return sets;
}

const InstructionSet*& active() {
    static const InstructionSet* set = available().front();
    return set;
}

void use_instruction_set(const std::string& name) {
    for (const InstructionSet* set : available())
        if (name == set->name) {
            active() = set;
            return;
        }
    throw std::invalid_argument("instruction set '" + name + "' is not available here");
}

template <class T>
const Kernels<T>& kernels_of(const InstructionSet& set) {
    if constexpr (sizeof(T) == 4)
        return set.f32;
    else
        return set.f64;
}

// A forked child has none of its parent's OpenMP threads, and waiting for them would never end.
bool forked = false;

// Multiplications that make waking another thread worth its while; tests set it to 1 to see small cases shared out.
double& work_of_a_thread() {
    static double work = 1 << 20;
    return work;
}

int threads_for(double multiplications) {
    if (forked) return 1;
    return std::max(1, static_cast<int>(std::min<double>(multiplications / work_of_a_thread(), omp_get_max_threads())));
}

int threads_to_use(double rows, double inputs, double units) { return threads_for(rows * 4 * units * (inputs + units)); }

// The cell with the sizes that its weights show.
template <class T>
Cell sized(Cell cell, const InMatrix<T>& w_x, const InMatrix<T>& w_h) {
    cell.inputs = static_cast<std::ptrdiff_t>(w_x.shape(1));
    cell.units = static_cast<std::ptrdiff_t>(w_h.shape(1));
    return cell;
}

// The caller's handle on packed weights; it remembers the kernels it was packed for.
template <class T>
struct Handle {
    const InstructionSet* set;
    std::size_t inputs;
    typename Kernels<T>::Packed packed;
};

template <class T>
Weights<T> weights_of(const InMatrix<T>& w_x, const InMatrix<T>& w_h, const In<T>& bias,
                      const std::optional<InMatrix<T>>& peephole) {
    return {matrix(w_x), matrix(w_h), bias.data(), matrix(peephole)};
}

template <class T>
Inputs<T> inputs_of(const In<T>& x, const In<T>& h0, const In<T>& c0, const MaybeIn<T>& carry_h,
                    const MaybeIn<T>& carry_c, const In<std::int64_t>& sequences, bool reverse) {
    Inputs<T> in{x.data(), h0.data(), c0.data(), {}, {}, {}, threads_to_use(x.shape(0), x.shape(1), h0.shape(1)), 0};
    if (carry_h) in.carry_h = {carry_h->data(), static_cast<std::ptrdiff_t>(carry_h->shape(1))};
    if (carry_c) in.carry_c = {carry_c->data(), static_cast<std::ptrdiff_t>(carry_c->shape(1))};
    in.sequences.resize(sequences.shape(0));
    const std::int64_t* at = sequences.data();
    const std::int64_t rows = static_cast<std::int64_t>(x.shape(0));
    for (std::size_t b = 0; b < in.sequences.size(); ++b, at += 3) {
        const std::int64_t first = at[0], length = at[1], stride = at[2];
        const bool sane = length > 0 && length <= rows && stride >= -rows && stride <= rows;  // so nothing overflows
        const std::int64_t last = sane ? first + (length - 1) * stride : -1;
        if (length != 0 && (!sane || first < 0 || first >= rows || last < 0 || last >= rows))
            throw std::invalid_argument("`sequences[" + std::to_string(b) + "]` is [" + std::to_string(first) + ", " +
                                        std::to_string(length) + ", " + std::to_string(stride) +
                                        "] (first, length, stride), outside " + std::to_string(rows) + " rows.");
        in.sequences[b] = {reverse && length > 0 ? last : first, length, reverse ? -stride : stride};
    }
    return in;
}

template <class T>
Handle<T> pack(const Cell& cell, InMatrix<T> w_x, InMatrix<T> w_h, In<T> bias, std::optional<InMatrix<T>> peephole) {
    const InstructionSet* set = active();
    nb::gil_scoped_release release;
    return {set, w_x.shape(1),
            kernels_of<T>(*set).pack(sized<T>(cell, w_x, w_h), weights_of<T>(w_x, w_h, bias, peephole))};
}

template <class T>
void forward(const Handle<T>& handle, In<T> x, In<T> h0, In<T> c0, MaybeIn<T> carry_h, MaybeIn<T> carry_c,
             In<std::int64_t> sequences, bool reverse, Out<T> h, Out<T> h_final, Out<T> c_final, MaybeOut<T> c,
             MaybeOut<T> gates) {
    const Inputs<T> in = inputs_of<T>(x, h0, c0, carry_h, carry_c, sequences, reverse);
    const ForwardOutputs<T> out{h.data(), h_final.data(), c_final.data(), pointer(c), pointer(gates)};
    nb::gil_scoped_release release;
    kernels_of<T>(*handle.set).forward(handle.packed.get(), in, out);
}

// Layers that B streams run through a step at a time. The states [B, H] belong to the caller and move on in place.
template <class T>
class Stack {
  public:
    Stack(std::vector<Handle<T>> layers, std::vector<Out<T>> h, std::vector<Out<T>> c)
        : layers_(std::move(layers)), h_(std::move(h)), c_(std::move(c)), sequences_(h_.front().shape(0)) {
        for (std::size_t b = 0; b < sequences_.size(); ++b) sequences_[b] = {static_cast<std::ptrdiff_t>(b), 1, 1};
        std::size_t widest = 0;
        for (const Out<T>& h_of_layer : h_) widest = std::max(widest, h_of_layer.size());
        for (std::vector<T>& between : between_) between.resize(widest);
    }

    // Output of the last layer [B, H] from x [B, I].
    void step(In<T> x, Out<T> out) {
        nb::gil_scoped_release release;
        const T* below = x.data();
        for (std::size_t k = 0; k < layers_.size(); ++k) {
            T *h = h_[k].data(), *c = c_[k].data(), *above = k + 1 < layers_.size() ? between_[k % 2].data() : out.data();
            const int threads = threads_to_use(sequences_.size(), layers_[k].inputs, h_[k].shape(1));
            const Inputs<T> in{below, h, c, {}, {}, sequences_, threads, steps_};
            kernels_of<T>(*layers_[k].set).forward(layers_[k].packed.get(), in, {above, h, c, nullptr, nullptr});
            below = above;
        }
        ++steps_;
    }

  private:
    std::vector<Handle<T>> layers_;
    std::vector<Out<T>> h_, c_;
    std::vector<Sequence> sequences_;
    std::vector<T> between_[2];
    std::ptrdiff_t steps_ = 0;
};

template <class T>
void backward(const Cell& cell, InMatrix<T> w_x, InMatrix<T> w_h, In<T> bias,
              std::optional<InMatrix<T>> peephole, In<T> x, In<T> h0, In<T> c0, MaybeIn<T> carry_h, MaybeIn<T> carry_c,
              In<std::int64_t> sequences, bool reverse, In<T> h, In<T> c, In<T> gates, MaybeIn<T> d_h, MaybeIn<T> d_c,
              MaybeIn<T> d_h_final, MaybeIn<T> d_c_final, MaybeOut<T> d_x, OutMatrix<T> d_w_x, OutMatrix<T> d_w_h,
              Out<T> d_bias, std::optional<OutMatrix<T>> d_peephole, Out<T> d_h0, Out<T> d_c0, MaybeOut<T> d_carry_h, MaybeOut<T> d_carry_c) {
    const Inputs<T> in = inputs_of<T>(x, h0, c0, carry_h, carry_c, sequences, reverse);
    const BackwardInputs<T> back{h.data(),     c.data(),           gates.data(),      pointer(d_h), pointer(d_c),
                                 pointer(d_h_final), pointer(d_c_final)};
    const Gradients<T> out{pointer(d_x),         matrix(d_w_x), matrix(d_w_h), d_bias.data(),      matrix(d_peephole),
                           d_h0.data(),        d_c0.data(),   pointer(d_carry_h), pointer(d_carry_c)};
    const Kernels<T>& kernels = kernels_of<T>(*active());
    nb::gil_scoped_release release;
    kernels.backward(sized<T>(cell, w_x, w_h), weights_of<T>(w_x, w_h, bias, peephole), in, back, out);
}

constexpr double kExponential = 20;  // multiplications that one takes as long as

template <class T>
Decay<T> decay_of(const In<T>& x, const InMatrix<T>& weight, const MaybeIn<T>& bias) {
    const double rows = x.shape(0), inputs = x.shape(1), units = weight.shape(0);
    const int threads = threads_for(rows * units * (inputs + kExponential));
    return {static_cast<std::ptrdiff_t>(rows), static_cast<std::ptrdiff_t>(inputs), static_cast<std::ptrdiff_t>(units),
            x.data(), matrix(weight), pointer(bias), threads};
}

template <class T>
void decay(In<T> x, InMatrix<T> weight, MaybeIn<T> bias, Out<T> factors) {
    const Decay<T> in = decay_of<T>(x, weight, bias);
    nb::gil_scoped_release release;
    kernels_of<T>(*active()).decay(in, factors.data());
}

template <class T>
void decay_backward(In<T> x, InMatrix<T> weight, MaybeIn<T> bias, In<T> factors, In<T> d_factors, OutMatrix<T> d_weight,
                    MaybeOut<T> d_bias) {
    const Decay<T> in = decay_of<T>(x, weight, bias);
    nb::gil_scoped_release release;
    kernels_of<T>(*active()).decay_backward(in, factors.data(), d_factors.data(), matrix(d_weight), pointer(d_bias));
}

template <class T>
Gaps<T> gaps_of(const In<T>& last, const In<T>& since, const In<T>& rate) {
    const double numbers = last.size();
    return {static_cast<std::ptrdiff_t>(last.shape(0)), static_cast<std::ptrdiff_t>(last.shape(1)),
            last.data(), since.data(), rate.data(), threads_for(numbers * kExponential)};
}

template <class T>
void fill(In<T> values, In<T> last, In<T> since, In<T> rate, Out<T> filled) {
    const Gaps<T> in = gaps_of<T>(last, since, rate);
    nb::gil_scoped_release release;
    kernels_of<T>(*active()).fill(in, values.data(), filled.data());
}

template <class T>
void fill_backward(In<T> last, In<T> since, In<T> rate, In<T> d_filled, Out<T> d_rate) {
    const Gaps<T> in = gaps_of<T>(last, since, rate);
    nb::gil_scoped_release release;
    kernels_of<T>(*active()).fill_backward(in, d_filled.data(), d_rate.data());
}

template <class T>
void define(nb::module_& m, const char* suffix) {
    const auto name = [&](const char* base) { return std::string(base) + suffix; };
    nb::class_<Handle<T>>(m, name("PackedWeights_").c_str());
    m.def(name("pack_").c_str(), &pack<T>, nb::arg("cell"), nb::arg("w_x"), nb::arg("w_h"), nb::arg("bias"), nb::arg("peephole").none());
    m.def(name("forward_").c_str(), &forward<T>, nb::arg("packed"), nb::arg("x"), nb::arg("h0"), nb::arg("c0"),
          nb::arg("carry_h").none(), nb::arg("carry_c").none(), nb::arg("sequences"), nb::arg("reverse"), nb::arg("h"),
          nb::arg("h_final"), nb::arg("c_final"), nb::arg("c").none(), nb::arg("gates").none());
    nb::class_<Stack<T>>(m, name("Stack_").c_str())
        .def(nb::init<std::vector<Handle<T>>, std::vector<Out<T>>, std::vector<Out<T>>>(), nb::arg("layers"), nb::arg("h"),
             nb::arg("c"))
        .def("step", &Stack<T>::step, nb::arg("x").noconvert(), nb::arg("out").noconvert());
    m.def(name("backward_").c_str(), &backward<T>, nb::arg("cell"), nb::arg("w_x"), nb::arg("w_h"), nb::arg("bias"), nb::arg("peephole").none(), nb::arg("x"),
          nb::arg("h0"), nb::arg("c0"), nb::arg("carry_h").none(), nb::arg("carry_c").none(), nb::arg("sequences"),
          nb::arg("reverse"), nb::arg("h"), nb::arg("c"), nb::arg("gates"), nb::arg("d_h").none(), nb::arg("d_c").none(),
          nb::arg("d_h_final").none(), nb::arg("d_c_final").none(), nb::arg("d_x").none(), nb::arg("d_w_x"), nb::arg("d_w_h"),
          nb::arg("d_bias"), nb::arg("d_peephole").none(), nb::arg("d_h0"), nb::arg("d_c0"),
          nb::arg("d_carry_h").none(), nb::arg("d_carry_c").none());
    m.def(name("decay_").c_str(), &decay<T>, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("factors"));
    m.def(name("decay_backward_").c_str(), &decay_backward<T>, nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(),
          nb::arg("factors"), nb::arg("d_factors"), nb::arg("d_weight"), nb::arg("d_bias").none());
    m.def(name("fill_").c_str(), &fill<T>, nb::arg("values"), nb::arg("last"), nb::arg("since"), nb::arg("rate"),
          nb::arg("filled"));
    m.def(name("fill_backward_").c_str(), &fill_backward<T>, nb::arg("last"), nb::arg("since"), nb::arg("rate"),
          nb::arg("d_filled"), nb::arg("d_rate"));
}

}  // namespace
}  // namespace memcell

NB_MODULE(_core, m) {
    using namespace memcell;
    pthread_atfork(nullptr, nullptr, [] { forked = true; });
    nb::class_<Cell>(m, "Cell").def(
        "__init__",
        [](Cell* cell, int peephole, bool peek_current, bool coupled, double clip) {
            new (cell) Cell{static_cast<Peephole>(peephole), peek_current, coupled, clip};
        },
        nb::arg("peephole"), nb::arg("peek_current"), nb::arg("coupled"), nb::arg("clip"));
    define<float>(m, "f32");
    define<double>(m, "f64");
    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const InstructionSet* set : available()) names.emplace_back(set->name);
        return names;
    });
    m.def("instruction_set", [] { return std::string(active()->name); });
    m.def("use_instruction_set", &use_instruction_set, nb::arg("name"));
    m.def("set_work_of_a_thread", [](double work) { return std::exchange(work_of_a_thread(), work); }, nb::arg("work"));
    m.def("poison_scratch", [](bool on) { poison_scratch() = on; }, nb::arg("on"));
}
