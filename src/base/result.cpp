#include "shunt/base/result.hpp"

#include <cerrno>
#include <system_error>

namespace shunt::base {

tl::unexpected<Error> fail_errno(int error_number, std::string_view what, std::string hint) {
  ErrorCode code = ErrorCode::kIo;
  switch (error_number) {
    case EACCES:
    case EPERM:
      code = ErrorCode::kPermission;
      break;
    case ENOENT:
      code = ErrorCode::kNotFound;
      break;
    case ETIMEDOUT:
      code = ErrorCode::kTimeout;
      break;
    // Whatever the caller would advise for what it opens, it is not that.
    case EMFILE:
      hint = "raise the limit of descriptors (LimitNOFILE= or ulimit -Hn)";
      break;
    case ENFILE:
      hint = "raise the machine's limit of open files (sysctl fs.file-max)";
      break;
    default:
      break;
  }
  return fail(code, std::string(what) + ": " + std::generic_category().message(error_number),
              std::move(hint));
}

}  // namespace shunt::base
