// Runs a function whose rows do not depend on each other on parts of a batch at the same time, each on one thread: threads that share
// one kernel wait for each other at its end, those that run whole functions do not.
//
// A function that repeats runs so often on each part before the parts are joined: no part waits for another between two runs.
//
// The parts run in a context of their own, whose kernels have one thread; the other's have all of them.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"
#include "tensorflow/c/eager/c_api_experimental.h"

namespace parts {

struct Delete {
  void operator()(TF_Status *status) const { TF_DeleteStatus(status); }
  void operator()(TF_Tensor *tensor) const { TF_DeleteTensor(tensor); }
  void operator()(TFE_TensorHandle *handle) const { TFE_DeleteTensorHandle(handle); }
  void operator()(TFE_Op *op) const { TFE_DeleteOp(op); }
  void operator()(TFE_CancellationManager *manager) const { TFE_DeleteCancellationManager(manager); }
};

template <typename T>
using Owned = std::unique_ptr<T, Delete>;

/** How a function runs in parts. */
struct Division {
  int parts;
  /** Which of its inputs have a row for each image; the others go to every part whole. */
  std::vector<bool> rows;
  /** How often it runs; each run reads what the one before made, its only output, in place of the input `repeated`. */
  int times = 1;
  int repeated = -1;
  /** Whether it has been optimised, which should happen once and not in each part. */
  bool ready = false;
};

/** The context of the parts and the functions that run in it, for one thread that loads the binding. */
struct Parts {
  TFE_Context *context = nullptr;
  std::unordered_map<std::string, Division> divisions;
};

inline Parts &Here() {
  static thread_local Parts here;
  return here;
}

/** Kernels of one context have threads of their own, if this is said before the first context is made. */
inline void SeparateThreads() { setenv("TF_OVERRIDE_GLOBAL_THREADPOOL", "1", 0); }

/** As many threads as the kernels of the first context have. */
inline int Threads() {
  const char *asked = std::getenv("TF_NUM_INTRAOP_THREADS");
  const int threads = asked == nullptr ? 0 : std::atoi(asked);
  return threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
}

/** The context of the parts, made when it is first wanted; no GPU, and one thread for each kernel. */
inline TFE_Context *Context(TF_Status *status) {
  TFE_Context *&context = Here().context;
  if (context != nullptr) return context;
  int threads = Threads();
  // tensorflow.ConfigProto: device_count {GPU: 0}, intra_op_parallelism_threads 1, inter_op_parallelism_threads.
  std::string config = {0x0a, 0x07, 0x0a, 0x03, 'G', 'P', 'U', 0x10, 0x00, 0x10, 0x01, 0x28};
  for (; threads > 0x7f; threads >>= 7) config += static_cast<char>((threads & 0x7f) | 0x80);
  config += static_cast<char>(threads);
  TFE_ContextOptions *options = TFE_NewContextOptions();
  TFE_ContextOptionsSetConfig(options, config.data(), config.size(), status);
  if (TF_GetCode(status) == TF_OK) context = TFE_NewContext(options, status);
  TFE_DeleteContextOptions(options);
  return context;
}

inline size_t RowBytes(const TF_Tensor *tensor) {
  const int64_t rows = TF_Dim(tensor, 0);
  return rows == 0 ? 0 : TF_TensorByteSize(tensor) / rows;
}

/** Rows of a tensor, which must outlive them. */
inline Owned<TF_Tensor> Rows(const TF_Tensor *tensor, int64_t begin, int64_t count) {
  std::vector<int64_t> shape(TF_NumDims(tensor));
  for (size_t i = 0; i < shape.size(); i++) shape[i] = TF_Dim(tensor, static_cast<int>(i));
  shape[0] = count;
  const size_t bytes = RowBytes(tensor);
  char *data = static_cast<char *>(TF_TensorData(tensor)) + begin * bytes;
  return Owned<TF_Tensor>(TF_NewTensor(TF_TensorType(tensor), shape.data(), static_cast<int>(shape.size()), data,
                                       count * bytes, [](void *, size_t, void *) {}, nullptr));
}

/** One part of a batch: its inputs, and what the function makes of them. */
struct Part {
  Owned<TF_Status> status{TF_NewStatus()};
  std::vector<Owned<TFE_TensorHandle>> inputs;
  std::vector<Owned<TF_Tensor>> outputs;

  bool Add(const TF_Tensor *tensor) {
    inputs.emplace_back(TFE_NewTensorHandle(tensor, status.get()));
    return TF_GetCode(status.get()) == TF_OK;
  }

  /** Runs the function once; what it makes is in `made`. */
  bool Execute(TFE_Context *context, const char *function, std::vector<TFE_TensorHandle *> &made,
               TFE_CancellationManager *cancelled = nullptr) {
    const Owned<TFE_Op> op(TFE_NewOp(context, function, status.get()));
    for (const auto &input : inputs) {
      if (TF_GetCode(status.get()) != TF_OK) return false;
      TFE_OpAddInput(op.get(), input.get(), status.get());
    }
    if (cancelled != nullptr) TFE_OpSetCancellationManager(op.get(), cancelled, status.get());
    if (TF_GetCode(status.get()) != TF_OK) return false;
    int count = static_cast<int>(made.size());
    TFE_Execute(op.get(), made.data(), &count, status.get());
    return TF_GetCode(status.get()) == TF_OK;
  }

  /** Has the function optimised, and its kernels made: it is cancelled before it runs, which comes after that. */
  void Prepare(TFE_Context *context, const char *function, int count) {
    const Owned<TFE_CancellationManager> cancelled(TFE_NewCancellationManager());
    TFE_CancellationManagerStartCancel(cancelled.get());
    std::vector<TFE_TensorHandle *> made(count, nullptr);
    if (Execute(context, function, made, cancelled.get()))
      for (TFE_TensorHandle *each : made) TFE_DeleteTensorHandle(each);
    // That it was cancelled is no error; another comes again in the run.
    TF_SetStatus(status.get(), TF_OK, "");
  }

  void Run(TFE_Context *context, const char *function, const Division &division, int count) {
    std::vector<TFE_TensorHandle *> made(count, nullptr);
    for (int time = 0; time < division.times; time++) {
      if (time > 0) inputs[division.repeated].reset(made[0]);
      if (!Execute(context, function, made)) return;
    }
    for (TFE_TensorHandle *each : made) {
      const Owned<TFE_TensorHandle> handle(each);
      if (TF_GetCode(status.get()) == TF_OK) outputs.emplace_back(TFE_TensorHandleResolve(each, status.get()));
    }
  }
};

/** The rows of one output of all parts, one after another. */
inline TFE_TensorHandle *Joined(const std::vector<Part> &parts, size_t output, TF_Status *status) {
  const TF_Tensor *first = parts[0].outputs[output].get();
  std::vector<int64_t> shape(TF_NumDims(first));
  for (size_t i = 0; i < shape.size(); i++) shape[i] = TF_Dim(first, static_cast<int>(i));
  shape[0] *= static_cast<int64_t>(parts.size());
  const size_t bytes = TF_TensorByteSize(first);
  const Owned<TF_Tensor> whole(
      TF_AllocateTensor(TF_TensorType(first), shape.data(), static_cast<int>(shape.size()), bytes * parts.size()));
  for (size_t i = 0; i < parts.size(); i++)
    std::memcpy(static_cast<char *>(TF_TensorData(whole.get())) + i * bytes, TF_TensorData(parts[i].outputs[output].get()),
                bytes);
  return TFE_NewTensorHandle(whole.get(), status);
}

/** Runs an operation as its division says. */
inline void Run(TFE_Op *op, const char *function, Division &division, TFE_TensorHandle **outputs, int count,
                TF_Status *status) {
  TFE_Context *context = Context(status);
  std::vector<Owned<TF_Tensor>> inputs;
  for (size_t i = 0; i < division.rows.size() && TF_GetCode(status) == TF_OK; i++) {
    TFE_TensorHandle *handle = TFE_OpGetFlatInput(op, static_cast<int>(i), status);
    if (TF_GetCode(status) == TF_OK) inputs.emplace_back(TFE_TensorHandleResolve(handle, status));
  }
  if (TF_GetCode(status) != TF_OK) return;
  std::vector<Part> parts(division.parts);
  for (size_t part = 0; part < parts.size(); part++)
    for (size_t i = 0; i < inputs.size(); i++) {
      const int64_t rows = division.rows[i] ? TF_Dim(inputs[i].get(), 0) / division.parts : 0;
      const Owned<TF_Tensor> taken = division.rows[i] ? Rows(inputs[i].get(), part * rows, rows) : nullptr;
      if (!parts[part].Add(taken ? taken.get() : inputs[i].get())) break;
    }
  auto run = [&](Part &part) {
    if (TF_GetCode(part.status.get()) == TF_OK) part.Run(context, function, division, count);
  };
  if (!division.ready && TF_GetCode(parts[0].status.get()) == TF_OK) parts[0].Prepare(context, function, count);
  division.ready = true;
  std::vector<std::thread> threads;
  size_t next = 1;
  try {
    for (; next < parts.size(); next++) threads.emplace_back(run, std::ref(parts[next]));
  } catch (const std::system_error &) {
    // The system gives this process no further thread: this one does the rest.
  }
  run(parts[0]);
  for (; next < parts.size(); next++) run(parts[next]);
  for (auto &thread : threads) thread.join();
  for (const Part &part : parts)
    if (TF_GetCode(part.status.get()) != TF_OK) {
      TF_SetStatus(status, TF_GetCode(part.status.get()), TF_Message(part.status.get()));
      return;
    }
  for (int i = 0; i < count; i++) {
    outputs[i] = Joined(parts, i, status);
    if (TF_GetCode(status) != TF_OK) return;
  }
}

/** Adds a function that the first context has to the one of the parts. */
inline void Add(const std::string &name, TF_Function *function, Division division, TF_Status *status) {
  TFE_Context *context = Context(status);
  if (TF_GetCode(status) != TF_OK) return;
  TFE_ContextAddFunction(context, function, status);
  if (TF_GetCode(status) == TF_OK) Here().divisions.emplace(name, std::move(division));
}

inline void Remove(const std::string &name, TF_Status *status) {
  if (Here().divisions.erase(name) == 1) TFE_ContextRemoveFunction(Here().context, name.c_str(), status);
}

/** What tfjs's binding calls in place of `TFE_Execute`. */
inline void Execute(TFE_Op *op, TFE_TensorHandle **outputs, int *count, TF_Status *status) {
  auto &divisions = Here().divisions;
  if (!divisions.empty()) {
    const char *name = TFE_OpGetName(op, status);
    if (TF_GetCode(status) != TF_OK) return;
    const auto found = divisions.find(name);
    if (found != divisions.end()) return Run(op, name, found->second, outputs, *count, status);
  }
  TFE_Execute(op, outputs, count, status);
}

}  // namespace parts
