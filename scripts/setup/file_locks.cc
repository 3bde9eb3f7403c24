// What Node lacks of the kernel's calls on files: locks that end with their owner, however it ends, and the exchange of two
// names at once. Both return 0, or the number of the error.
#include <node_api.h>

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arguments.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1 << 1)
#endif

using arguments::ReadText;
using arguments::Refuse;

namespace {

napi_value Number(napi_env env, int value) {
  napi_value result = nullptr;
  napi_create_int32(env, value, &result);
  return result;
}

/** lock(descriptor): takes the file's exclusive lock, or returns EWOULDBLOCK at once where another descriptor has it. */
napi_value Lock(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t descriptor;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_get_value_int32(env, argument, &descriptor) != napi_ok)
    return Refuse(env, "lock(descriptor)");
  int result;
  do result = flock(descriptor, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return Number(env, result == 0 ? 0 : errno);
}

/** exchange(one, other): gives each of two paths what the other has, with no moment in between. */
napi_value Exchange(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  std::string one, other;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count < 2 ||
      !ReadText(env, arguments[0], one) || !ReadText(env, arguments[1], other))
    return Refuse(env, "exchange(one, other)");
  // By its number: the C library knows it only since glibc 2.28.
  const long result =
      syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  return Number(env, result == 0 ? 0 : errno);
}

}  // namespace

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"lock", nullptr, Lock, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"exchange", nullptr, Exchange, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 2, functions);
  return exports;
}
