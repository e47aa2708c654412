#include "src/observe/access_log_line.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include <cstring>

#include "tests/unit/observe/fake_data_plane.hpp"

namespace shunt::observe {
namespace {

proxy::ClientAddress client(const char* host, std::uint16_t port) {
  proxy::ClientAddress made;
  made.family = std::strchr(host, ':') == nullptr ? AF_INET : AF_INET6;
  made.port = port;
  ::inet_pton(made.family, host, made.bytes);
  return made;
}

proxy::ConnectionEnd complete_end() {
  proxy::ConnectionEnd end;
  end.id = (1ULL << 48) + 7;
  end.client = client("127.0.0.1", 40'000);
  end.cause = proxy::CloseCause::kClientReset;
  end.attempts = 2;
  end.service = 2;
  end.pool = 1;
  end.node = 7;
  end.epoch = 42;
  end.bytes_up = 512;
  end.bytes_down = 70'000;
  end.ended_wall_ms = 1'700'000'000'123;
  end.connected = 310'000;
  end.connect = 200'000;
  end.first_byte = 1'400'000;
  end.total = 61 * base::kSecond;
  return end;
}

// A connection that was refused at a limit: no pool, node or times.
proxy::ConnectionEnd refused_end() {
  proxy::ConnectionEnd end;
  end.id = 8;
  end.client = client("::1", 40'001);
  end.cause = proxy::CloseCause::kConnectionLimit;
  end.ended_wall_ms = 1'700'000'000'124;
  return end;
}

std::string line(const proxy::ConnectionEnd& end, control::LogFormat format) {
  const traffic::Model model = example_model();
  std::string out;
  AccessLogLine(model, format).append(out, end);
  return out;
}

TEST(AccessLogLine, TextNamesEverythingAboutAConnection) {
  EXPECT_EQ(
      line(complete_end(), control::LogFormat::kText),
      "2023-11-14T22:13:20.123Z client=127.0.0.1:40000 app=shop service=https pool=green "
      "node=green2 epoch=42 bytes_up=512 bytes_down=70000 connected_s=0.000310 "
      "connect_s=0.000200 first_byte_s=0.001400 total_s=61.000000 cause=CR attempts=2 repointed=0 "
      "id=281474976710663\n");
}

TEST(AccessLogLine, TextHasADashWhereItDidNotComeToThat) {
  EXPECT_EQ(
      line(refused_end(), control::LogFormat::kText),
      "2023-11-14T22:13:20.124Z client=[::1]:40001 app=web service=default pool=- node=- "
      "epoch=0 bytes_up=0 bytes_down=0 connected_s=- connect_s=- first_byte_s=- total_s=- cause=PL "
      "attempts=0 repointed=0 id=8\n");
}

TEST(AccessLogLine, JsonHasTheSameFieldsAndNulls) {
  EXPECT_EQ(
      line(complete_end(), control::LogFormat::kJson),
      R"({"time":"2023-11-14T22:13:20.123Z","client":"127.0.0.1:40000","app":"shop",)"
      R"("service":"https","pool":"green","node":"green2","epoch":42,"bytes_up":512,)"
      R"("bytes_down":70000,"connected_s":0.000310,"connect_s":0.000200,"first_byte_s":0.001400,)"
      R"("total_s":61.000000,"cause":"CR","cause_name":"client_reset","attempts":2,)"
      R"("repointed":false,"id":"281474976710663"})"
      "\n");
  const std::string refused = line(refused_end(), control::LogFormat::kJson);
  EXPECT_THAT(refused, testing::HasSubstr(R"("pool":null,"node":null)"));
  EXPECT_THAT(refused, testing::HasSubstr(R"("connect_s":null)"));
}

TEST(AccessLogLine, TheTimeFollowsEachConnection) {
  const traffic::Model model = example_model();
  AccessLogLine lines(model, control::LogFormat::kText);
  std::string out;
  lines.append(out, complete_end());
  lines.append(out, refused_end());
  EXPECT_THAT(out, testing::HasSubstr("\n2023-11-14T22:13:20.124Z client=[::1]"));
}

}  // namespace
}  // namespace shunt::observe
