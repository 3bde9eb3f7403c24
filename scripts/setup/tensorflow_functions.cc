// tfjs's binding, and with it what it lacks: functions. A function is a graph of TensorFlow's operations under a name of its own;
// once made, `executeOp` runs it like any kernel, optimised as a whole.
//
// One graph is made at a time: `functionBegin`, then inputs, constants and operations, each known by its number, then `functionEnd`.
// Where `functionDivide` is called before the end, `executeOp` runs the function on parts of a batch at once: see batch_parts.h.
#include <node_api.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "batch_parts.h"
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/eager/c_api.h"

namespace {

// An addon has one context in each thread that loads it; the binding keeps its own to itself.
thread_local TFE_Context *context = nullptr;

TFE_Context *NewContext(const TFE_ContextOptions *options, TF_Status *status) {
  parts::SeparateThreads();
  return context = TFE_NewContext(options, status);
}

}  // namespace

#define TFE_NewContext NewContext
#define TFE_Execute parts::Execute
#include "tfjs_backend.cc"
#undef TFE_Execute
#undef TFE_NewContext

#undef NAPI_MODULE
#define NAPI_MODULE(name, initialize) \
  static napi_value InitializeBinding(napi_env env, napi_value exports) { return initialize(env, exports); }
#include "tfjs_binding.cc"

using arguments::ReadText;
using arguments::Refuse;

namespace {

struct DeleteStatus {
  void operator()(TF_Status *status) const { TF_DeleteStatus(status); }
};

/** TensorFlow's status; an error becomes JavaScript's. */
class Status {
 public:
  operator TF_Status *() const { return status_.get(); }
  bool Throw(napi_env env) const {
    if (TF_GetCode(status_.get()) == TF_OK) return false;
    napi_throw_error(env, nullptr, TF_Message(status_.get()));
    return true;
  }

 private:
  std::unique_ptr<TF_Status, DeleteStatus> status_{TF_NewStatus()};
};

/** The graph that is being made, and its values by number. */
struct Building {
  TF_Graph *graph = TF_NewGraph();
  std::vector<TF_Output> values;
  int nodes = 0;
  int parts = 1;
  /** Which inputs have the rows that the parts share out. */
  std::vector<int64_t> rows;
  /** How often each part runs, and the place of the input that is what the run before made. */
  int times = 1;
  int repeated = -1;
  ~Building() { TF_DeleteGraph(graph); }
  std::string NextName() { return "n" + std::to_string(nodes++); }
};

thread_local std::unique_ptr<Building> building;

bool ReadIntegers(napi_env env, napi_value value, std::vector<int64_t> &integers) {
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) != napi_ok) return false;
  integers.resize(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    if (napi_get_element(env, value, i, &element) != napi_ok ||
        napi_get_value_int64(env, element, &integers[i]) != napi_ok)
      return false;
  }
  return true;
}

bool ReadValues(napi_env env, napi_value value, std::vector<TF_Output> &outputs) {
  std::vector<int64_t> numbers;
  if (!ReadIntegers(env, value, numbers)) return false;
  for (int64_t number : numbers) {
    if (number < 0 || number >= static_cast<int64_t>(building->values.size())) return false;
    outputs.push_back(building->values[number]);
  }
  return true;
}

std::vector<bool> Flags(const std::vector<int64_t> &set, size_t count) {
  std::vector<bool> flags(count, false);
  for (int64_t index : set)
    if (index >= 0 && index < static_cast<int64_t>(count)) flags[index] = true;
  return flags;
}

/** The arguments of a call, if it has that many, while a graph is made. */
template <size_t N>
bool Arguments(napi_env env, napi_callback_info info, napi_value (&arguments)[N]) {
  size_t count = N;
  return napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) == napi_ok && count == N && building;
}

/** `{ id, dtype, shape }` of a value of the graph; a dimension that is not known throws, and what has no known rank has no elements. */
napi_value Describe(napi_env env, TF_Output output) {
  Status status;
  const int rank = TF_GraphGetTensorNumDims(building->graph, output, status);
  if (status.Throw(env)) return nullptr;
  // Batch norm's reserve has no known rank; only batch norm's gradient reads it, so no elements will do.
  std::vector<int64_t> dimensions(rank < 0 ? 1 : rank);
  if (rank > 0) TF_GraphGetTensorShape(building->graph, output, dimensions.data(), rank, status);
  if (status.Throw(env)) return nullptr;
  napi_value result, shape, number;
  napi_create_object(env, &result);
  napi_create_array_with_length(env, dimensions.size(), &shape);
  bool known = true;
  for (size_t i = 0; i < dimensions.size(); i++) {
    known = known && dimensions[i] >= 0;
    napi_create_int64(env, dimensions[i], &number);
    napi_set_element(env, shape, i, number);
  }
  if (!known) {
    napi_throw_error(env, nullptr, "the shape of a value follows from values");
    return nullptr;
  }
  napi_set_named_property(env, result, "shape", shape);
  napi_create_int64(env, static_cast<int64_t>(building->values.size()), &number);
  napi_set_named_property(env, result, "id", number);
  napi_create_int32(env, TF_OperationOutputType(output), &number);
  napi_set_named_property(env, result, "dtype", number);
  building->values.push_back(output);
  return result;
}

/** Sets one of tfjs's attributes, `{ name, type, value }`. */
bool SetAttribute(napi_env env, TF_OperationDescription *operation, napi_value attribute) {
  napi_value property;
  std::string name;
  int32_t type;
  if (napi_get_named_property(env, attribute, "name", &property) != napi_ok || !ReadText(env, property, name) ||
      napi_get_named_property(env, attribute, "type", &property) != napi_ok ||
      napi_get_value_int32(env, property, &type) != napi_ok ||
      napi_get_named_property(env, attribute, "value", &property) != napi_ok)
    return false;
  bool many = false;
  napi_is_array(env, property, &many);
  switch (type) {
    case TF_ATTR_STRING: {
      std::string text;
      if (!ReadText(env, property, text)) return false;
      TF_SetAttrString(operation, name.c_str(), text.data(), text.size());
      return true;
    }
    case TF_ATTR_INT:
    case TF_ATTR_SHAPE: {
      std::vector<int64_t> integers(1);
      if (many ? !ReadIntegers(env, property, integers)
               : napi_get_value_int64(env, property, &integers[0]) != napi_ok)
        return false;
      if (type == TF_ATTR_SHAPE)
        TF_SetAttrShape(operation, name.c_str(), integers.data(), static_cast<int>(integers.size()));
      else if (many)
        TF_SetAttrIntList(operation, name.c_str(), integers.data(), static_cast<int>(integers.size()));
      else
        TF_SetAttrInt(operation, name.c_str(), integers[0]);
      return true;
    }
    case TF_ATTR_FLOAT: {
      double number;
      if (many || napi_get_value_double(env, property, &number) != napi_ok) return false;
      TF_SetAttrFloat(operation, name.c_str(), static_cast<float>(number));
      return true;
    }
    case TF_ATTR_BOOL: {
      bool truth;
      if (many || napi_get_value_bool(env, property, &truth) != napi_ok) return false;
      TF_SetAttrBool(operation, name.c_str(), truth ? 1 : 0);
      return true;
    }
    case TF_ATTR_TYPE: {
      int32_t datatype;
      if (napi_get_value_int32(env, property, &datatype) != napi_ok) return false;
      TF_SetAttrType(operation, name.c_str(), static_cast<TF_DataType>(datatype));
      return true;
    }
    default:
      return false;
  }
}

/** functionBegin(): a new graph; one that was not ended is forgotten. */
napi_value Begin(napi_env env, napi_callback_info) {
  building = std::make_unique<Building>();
  return nullptr;
}

/** functionInput(dtype, shape): an input of the function. */
napi_value Input(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t datatype;
  std::vector<int64_t> shape;
  if (!Arguments(env, info, arguments) || napi_get_value_int32(env, arguments[0], &datatype) != napi_ok ||
      !ReadIntegers(env, arguments[1], shape))
    return Refuse(env, "functionInput(dtype, shape)");
  Status status;
  auto *operation = TF_NewOperation(building->graph, "Placeholder", building->NextName().c_str());
  TF_SetAttrType(operation, "dtype", static_cast<TF_DataType>(datatype));
  TF_SetAttrShape(operation, "shape", shape.data(), static_cast<int>(shape.size()));
  TF_Operation *made = TF_FinishOperation(operation, status);
  return status.Throw(env) ? nullptr : Describe(env, TF_Output{made, 0});
}

/** functionConstant(dtype, shape, values): a constant, whose values are a typed array of as many bytes as it has. */
napi_value Constant(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t datatype;
  std::vector<int64_t> shape;
  napi_typedarray_type kind;
  size_t length = 0;
  void *data = nullptr;
  if (!Arguments(env, info, arguments) || napi_get_value_int32(env, arguments[0], &datatype) != napi_ok ||
      !ReadIntegers(env, arguments[1], shape) ||
      napi_get_typedarray_info(env, arguments[2], &kind, &length, &data, nullptr, nullptr) != napi_ok)
    return Refuse(env, "functionConstant(dtype, shape, values)");
  size_t bytes = TF_DataTypeSize(static_cast<TF_DataType>(datatype));
  const size_t width = kind == napi_uint8_array ? 1 : kind == napi_float32_array || kind == napi_int32_array ? 4 : 0;
  for (int64_t dimension : shape) bytes *= dimension;
  if (bytes != length * width) return Refuse(env, "functionConstant: values that fill the shape");
  Status status;
  auto *tensor = TF_AllocateTensor(static_cast<TF_DataType>(datatype), shape.data(), static_cast<int>(shape.size()), bytes);
  if (bytes > 0) std::memcpy(TF_TensorData(tensor), data, bytes);
  auto *operation = TF_NewOperation(building->graph, "Const", building->NextName().c_str());
  TF_SetAttrType(operation, "dtype", static_cast<TF_DataType>(datatype));
  TF_SetAttrTensor(operation, "value", tensor, status);
  TF_DeleteTensor(tensor);
  if (status.Throw(env)) return nullptr;
  TF_Operation *made = TF_FinishOperation(operation, status);
  return status.Throw(env) ? nullptr : Describe(env, TF_Output{made, 0});
}

/** functionNode(operation, attributes, inputs, outputs): an operation; returns what `executeOp` would of its outputs. */
napi_value Node(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  std::string type;
  std::vector<TF_Output> inputs;
  uint32_t attributes = 0;
  int32_t outputs = 0;
  if (!Arguments(env, info, arguments) || !ReadText(env, arguments[0], type) ||
      napi_get_array_length(env, arguments[1], &attributes) != napi_ok || !ReadValues(env, arguments[2], inputs) ||
      napi_get_value_int32(env, arguments[3], &outputs) != napi_ok)
    return Refuse(env, "functionNode(operation, attributes, inputs, outputs)");
  Status status;
  auto *operation = TF_NewOperation(building->graph, type.c_str(), building->NextName().c_str());
  for (const TF_Output &input : inputs) TF_AddInput(operation, input);
  bool valid = true;
  for (uint32_t i = 0; i < attributes; i++) {
    napi_value attribute;
    napi_get_element(env, arguments[1], i, &attribute);
    valid = SetAttribute(env, operation, attribute) && valid;
  }
  // The description is freed here alone, so it is finished also where an attribute was not understood.
  TF_Operation *made = TF_FinishOperation(operation, status);
  if (!valid) return Refuse(env, "functionNode: an attribute of a kind that functions do not know");
  if (status.Throw(env)) return nullptr;
  if (outputs != TF_OperationNumOutputs(made)) return Refuse(env, "functionNode: as many outputs as the operation has");
  napi_value described;
  napi_create_array_with_length(env, outputs, &described);
  for (int32_t i = 0; i < outputs; i++) {
    napi_value one = Describe(env, TF_Output{made, i});
    if (one == nullptr) return nullptr;
    napi_set_element(env, described, i, one);
  }
  return described;
}

/**
 * functionDivide(parts, inputs, times, repeated): the function will run on so many parts of a batch at once, on each so many times; the rows
 * are in those of the inputs, and its only output is the input `repeated` of the next time.
 */
napi_value Divide(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  if (!Arguments(env, info, arguments) || napi_get_value_int32(env, arguments[0], &building->parts) != napi_ok ||
      building->parts < 2 || !ReadIntegers(env, arguments[1], building->rows) ||
      napi_get_value_int32(env, arguments[2], &building->times) != napi_ok || building->times < 1 ||
      napi_get_value_int32(env, arguments[3], &building->repeated) != napi_ok)
    return Refuse(env, "functionDivide(parts, inputs, times, repeated)");
  return nullptr;
}

/** functionEnd(name, inputs, outputs): makes the function; the graph is gone then, whether it succeeds or throws. */
napi_value End(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  std::string name;
  std::vector<TF_Output> inputs, outputs;
  if (!Arguments(env, info, arguments) || !ReadText(env, arguments[0], name) || !ReadValues(env, arguments[1], inputs) ||
      !ReadValues(env, arguments[2], outputs))
    return Refuse(env, "functionEnd(name, inputs, outputs)");
  if (building->times > 1 &&
      (building->repeated < 0 || building->repeated >= static_cast<int>(inputs.size()) || outputs.size() != 1))
    return Refuse(env, "functionEnd: one output, which is an input of the next time");
  Status status;
  TF_Function *made = TF_GraphToFunction(building->graph, name.c_str(), 0, -1, nullptr, static_cast<int>(inputs.size()),
                                         inputs.data(), static_cast<int>(outputs.size()), outputs.data(), nullptr,
                                         nullptr, nullptr, status);
  const std::unique_ptr<Building> built = std::move(building);
  if (status.Throw(env)) return nullptr;
  TFE_ContextAddFunction(context, made, status);
  if (built->parts > 1 && TF_GetCode(status) == TF_OK)
    parts::Add(name, made, {built->parts, Flags(built->rows, inputs.size()), built->times, built->repeated}, status);
  TF_DeleteFunction(made);
  status.Throw(env);
  return nullptr;
}

/** functionDelete(name): forgets a function. */
napi_value Delete(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  std::string name;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count != 1 ||
      !ReadText(env, argument, name))
    return Refuse(env, "functionDelete(name)");
  Status status;
  TFE_ContextRemoveFunction(context, name.c_str(), status);
  if (TF_GetCode(status) == TF_OK) parts::Remove(name, status);
  status.Throw(env);
  return nullptr;
}

void Export(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  exports = tfnodejs::InitializeBinding(env, exports);
  if (exports == nullptr) return nullptr;
  Export(env, exports, "functionBegin", Begin);
  Export(env, exports, "functionInput", Input);
  Export(env, exports, "functionConstant", Constant);
  Export(env, exports, "functionNode", Node);
  Export(env, exports, "functionDivide", Divide);
  Export(env, exports, "functionEnd", End);
  Export(env, exports, "functionDelete", Delete);
  napi_value bfloat16;
  if (napi_create_int32(env, TF_BFLOAT16, &bfloat16) == napi_ok)
    napi_set_named_property(env, exports, "TF_BFLOAT16", bfloat16);
  return exports;
}
