// How our native functions read the arguments that JavaScript gives them.
#pragma once

#include <node_api.h>

#include <string>

namespace arguments {

/** Throws a TypeError that says how a function is called. */
inline napi_value Refuse(napi_env env, const char *expected) {
  napi_throw_type_error(env, nullptr, expected);
  return nullptr;
}

/** Reads a string; false if it is none, or C would take it for a shorter one. */
inline bool ReadText(napi_env env, napi_value value, std::string &text) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text.resize(length + 1);
  if (napi_get_value_string_utf8(env, value, &text[0], length + 1, &length) != napi_ok) return false;
  text.resize(length);
  return text.find('\0') == std::string::npos;
}

}  // namespace arguments
