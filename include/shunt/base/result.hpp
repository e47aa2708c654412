// Result<T>: a value, or an Error that a person can act on.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace shunt::base {

// The kinds of failure that callers tell apart; the message is for people.
enum class ErrorCode {
  kInvalid,      // the input is wrong
  kNotFound,     // the named thing does not exist
  kConflict,     // refused: it would break a rule (epoch moved, gate failed, address in use)
  kUnavailable,  // the machine or kernel does not offer it (io_uring barred, no descriptors)
  kPermission,   // not allowed
  kIo,           // the kernel reported a failure
  kTimeout,      // a bounded wait ended
};

// What went wrong and the way out, as sentences without a final full stop.
struct Error {
  ErrorCode code = ErrorCode::kIo;
  std::string message;
  std::string hint;  // what to do about it; may be empty
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message,
                                                std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}

// An Error of kIo (EACCES, EPERM: kPermission; ENOENT: kNotFound) with "what: strerror". Where
// descriptors ran out (EMFILE, ENFILE) the hint says how to have more, whatever was given.
[[nodiscard]] tl::unexpected<Error> fail_errno(int error_number, std::string_view what,
                                               std::string hint = {});

}  // namespace shunt::base
