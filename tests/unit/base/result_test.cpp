#include "shunt/base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace shunt::base {
namespace {

TEST(FailErrno, SaysWhatWasTriedAndWhy) {
  const auto failed = fail_errno(ENOENT, "cannot open x", "make it");
  EXPECT_EQ(failed.value().code, ErrorCode::kNotFound);
  EXPECT_EQ(failed.value().message, "cannot open x: No such file or directory");
  EXPECT_EQ(failed.value().hint, "make it");
}
TEST(FailErrno, AdvisesWhatHelpsWhereDescriptorsRanOut) {
  EXPECT_EQ(fail_errno(EMFILE, "cannot open x", "make it").value().hint,
            "raise the limit of descriptors (LimitNOFILE= or ulimit -Hn)");
  EXPECT_EQ(fail_errno(ENFILE, "cannot open x").value().hint,
            "raise the machine's limit of open files (sysctl fs.file-max)");
}

}  // namespace
}  // namespace shunt::base
