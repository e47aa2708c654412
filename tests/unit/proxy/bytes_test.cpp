// The byte contract over real sockets: every byte once and in order, ends as ends, resets as resets
// after the bytes before them.
#include <mutex>
#include <random>

#include "tests/unit/proxy/harness.hpp"

namespace shunt::proxy::testing {
namespace {

std::string random_bytes(std::size_t size) {
  std::mt19937_64 random(size);
  std::string out(size, 0);
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

TEST(Bytes, GoBothWaysUnchanged) {
  Node node(echo);
  Plane plane({{node.address()}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send("hello"));
  EXPECT_EQ(client.read(5), "hello");
  client.finish();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), 0);
  const ConnectionEnd end = plane.end();
  EXPECT_EQ(end.cause, CloseCause::kDone);
  EXPECT_EQ(end.bytes_up, 5U);
  EXPECT_EQ(end.bytes_down, 5U);
  EXPECT_EQ(end.attempts, 1);
  EXPECT_GT(end.connected, 0U);
  EXPECT_GE(end.total, end.first_byte);
}

TEST(Bytes, LargeTransfersKeepEveryByteInOrder) {
  Node node(echo);
  Plane plane({{node.address()}}, {.workers = 2});
  const std::string sent = random_bytes(20'000'000);
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      Socket client = plane.client();
      std::thread writer([&] {
        EXPECT_TRUE(client.send(sent));
        client.finish();
      });
      const std::string got = client.read_all();
      writer.join();
      EXPECT_TRUE(got == sent) << got.size();
      EXPECT_EQ(client.error(), 0);
    });
  }
  for (std::thread& client : clients) client.join();
}

// Some go through kernel pipes, some through large buffers, some through those of the ring; two
// readers are slow, and one leaves in the middle.
TEST(Bytes, OfMoreStreamsThanThereArePipesStayInTheirOrder) {
  Node node(echo);
  Plane plane({{node.address()}}, {.splice_pipes = 2});
  const std::string sent = random_bytes(8'000'000);
  std::vector<std::thread> clients;
  for (int i = 0; i < 7; ++i) {
    clients.emplace_back([&, i] {
      Socket client = plane.client();
      std::thread writer([&] {
        if (client.send(sent)) client.finish();
      });
      std::string got;
      while (got.size() < sent.size()) {
        const std::string part = client.read(i < 2 ? 10'000 : 400'000);
        if (part.empty()) break;
        got += part;
        if (i == 6 && got.size() > 2'000'000) break;
      }
      if (i == 6) {
        client.reset();
        writer.join();
        return;
      }
      writer.join();
      EXPECT_TRUE(got + client.read_all() == sent) << got.size();
      EXPECT_EQ(client.error(), 0);
    });
  }
  for (std::thread& client : clients) client.join();
}

// tcp_splice_read() gets no further than an urgent byte, and says "end" where the end is there too.
TEST(Bytes, BehindAnUrgentByteOfAStreamThatHasEndedAreNotLost) {
  std::string got;
  std::mutex mutex;
  Node node([&](Socket& socket) {
    std::string all;
    for (std::string part; !(part = socket.read(20'000)).empty();) all += part;
    const std::lock_guard lock(mutex);
    got = std::move(all);
  });
  const std::string sent = random_bytes(12'000'000);
  Plane plane({{node.address()}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send(sent));
  ASSERT_EQ(::send(client.fd(), "!", 1, MSG_OOB), 1);
  ASSERT_TRUE(client.send(sent.substr(0, 5000)));
  client.finish();
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(plane.end().cause, CloseCause::kDone);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(got.size(), sent.size() + 5000);
  EXPECT_TRUE(got == sent + sent.substr(0, 5000));
}

TEST(Bytes, AHalfCloseOfTheClientLetsTheAnswerComeAfterIt) {
  Node node([](Socket& socket) {
    const std::string all = socket.read_all();
    socket.send("got " + std::to_string(all.size()));
  });
  Plane plane({{node.address()}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send("question"));
  client.finish();
  EXPECT_EQ(client.read_all(), "got 8");
  EXPECT_EQ(client.error(), 0);
  EXPECT_EQ(plane.end().cause, CloseCause::kDone);
}

TEST(Bytes, AHalfCloseOfTheNodeLetsTheClientGoOnSending) {
  std::string received;
  std::atomic<bool> done{false};
  Node node([&](Socket& socket) {
    socket.send("bye");
    socket.finish();
    received = socket.read_all();
    done = true;
  });
  Plane plane({{node.address()}});
  Socket client = plane.client();
  EXPECT_EQ(client.read_all(), "bye");
  ASSERT_TRUE(client.send("still here"));
  client.finish();
  ASSERT_TRUE(wait_for([&] { return done.load(); }));
  EXPECT_EQ(received, "still here");
  EXPECT_EQ(plane.end().cause, CloseCause::kDone);
}

TEST(Bytes, AResetOfTheNodeComesAfterEveryByteBeforeIt) {
  const std::string answer = random_bytes(4'000'000);
  Node node([&](Socket& socket) {
    socket.read(1);
    socket.send(answer);
    // What is still in the node's own queue dies with its reset: wait until shunt has read it all.
    wait_acknowledged(socket);
    socket.reset();
  });
  Plane plane({{node.address()}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send("?"));
  // A slow start, so that bytes are queued everywhere when the reset arrives.
  std::string got = client.read(1000);
  got += client.read_all();
  EXPECT_TRUE(got == answer) << got.size();
  EXPECT_EQ(client.error(), ECONNRESET);
  EXPECT_EQ(plane.end().cause, CloseCause::kServerReset);
}

TEST(Bytes, AResetOfTheClientReachesTheNodeAsAReset) {
  std::string received;
  std::atomic<int> error{-1};
  Node node([&](Socket& socket) {
    received = socket.read_all();
    error = socket.error();
  });
  Plane plane({{node.address()}});
  Socket client = plane.client();
  ASSERT_TRUE(client.send("last words"));
  ASSERT_TRUE(wait_for([&] {
    return plane.sum([](const WorkerCounters& c) { return c.nodes[0].bytes_up.get(); }) == 10;
  }));
  client.reset();
  ASSERT_TRUE(wait_for([&] { return error.load() != -1; }));
  EXPECT_EQ(received, "last words");
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_EQ(plane.end().cause, CloseCause::kClientReset);
}

TEST(Bytes, AnEarlyAnswerDuringAnUploadReachesTheClient) {
  const std::string answer = "413 too large, " + random_bytes(100'000);
  Node node([&](Socket& socket) {
    socket.read(10);
    socket.send(answer);
    wait_acknowledged(socket);
    socket.reset();  // as a close with the upload unread does
  });
  Plane plane({{node.address()}});
  for (int i = 0; i < 20; ++i) {
    Socket client = plane.client();
    std::atomic<bool> uploaded{false};
    std::thread uploader([&] { uploaded = client.send(std::string(30'000'000, 'u')); });
    const std::string got = client.read_all();
    uploader.join();
    EXPECT_TRUE(got == answer) << got.size();
    // The kernel tells the reset once: to the upload or to the reading.
    EXPECT_TRUE(client.error() == ECONNRESET || !uploaded);
    EXPECT_EQ(plane.end().cause, CloseCause::kServerReset);
  }
}

TEST(Bytes, AReaderThatStopsHoldsUpNobodyElse) {
  const std::string much = random_bytes(3'000'000);
  Node node([&](Socket& socket) {
    if (socket.read(1) == "b") socket.send(much);
    echo(socket);
  });
  Plane plane({{node.address()}});
  // More stopped readers than there are receive buffers, large ones included.
  std::vector<Socket> stopped;
  for (int i = 0; i < 120; ++i) {
    stopped.push_back(Socket::connect(plane.address(), 4096));
    ASSERT_TRUE(stopped.back().send("b"));
  }
  for (int i = 0; i < 20; ++i) {
    Socket client = plane.client();
    ASSERT_TRUE(client.send("ehello"));
    ASSERT_EQ(client.read(5), "hello");
  }
  ASSERT_TRUE(wait_for([&] {
    return plane.sum([](const WorkerCounters& c) { return c.buffer_starved.get(); }) > 0;
  }));
  Socket late = plane.client();
  ASSERT_TRUE(late.send("ehello"));
  EXPECT_EQ(late.read(5), "hello");
  // They lose nothing by it.
  for (const std::size_t i : {0U, 60U, 119U}) {
    EXPECT_TRUE(stopped[i].read(much.size()) == much);
  }
}

// The same connections in turn send messages, which multishot receives take, and floods, at which
// these have to be stopped, each way and with readers that fall behind.
TEST(Bytes, MessagesAndFloodsInTurnKeepEveryByteInOrder) {
  Node node(echo);
  Plane plane({{node.address()}});
  const std::string flood = random_bytes(2'000'000);
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      Socket client = Socket::connect(plane.address(), i % 2 == 0 ? 0 : 4096);
      for (int round = 0; round < 4; ++round) {
        for (int message = 0; message < 12; ++message) {
          const std::string sent = random_bytes(100U + static_cast<std::size_t>(message));
          ASSERT_TRUE(client.send(sent));
          ASSERT_TRUE(client.read(sent.size()) == sent);
        }
        std::thread writer([&] { EXPECT_TRUE(client.send(flood)); });
        EXPECT_TRUE(client.read(flood.size()) == flood);
        writer.join();
      }
      client.finish();
      EXPECT_EQ(client.read_all(), "");
      EXPECT_EQ(client.error(), 0);
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST(Bytes, ReachAUnixSocketNodeAndAnIpv6One) {
  const std::string path = ::testing::TempDir() + "shunt-node-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  Node local(echo, *base::Endpoint::parse("unix:" + path));
  Node six(echo, *base::Endpoint::parse("[::1]:0"));
  Plane plane({{local.address()}, {six.address()}},
              {.listen = {loopback(), *base::Endpoint::parse("[::1]:0")}});
  for (const traffic::PoolId pool : {0U, 1U}) {
    plane.switch_to(pool);
    for (const std::size_t listener : {0U, 1U}) {
      Socket client = plane.client(listener);
      ASSERT_TRUE(client.send("over any family"));
      EXPECT_EQ(client.read(15), "over any family");
      client.finish();
      EXPECT_EQ(client.read_all(), "");
      const ConnectionEnd end = plane.end();
      EXPECT_EQ(end.cause, CloseCause::kDone);
      EXPECT_EQ(end.client.family, listener == 0 ? AF_INET : AF_INET6);
      EXPECT_EQ(end.client.port, local_address(client.fd()).port());
    }
  }
  ::unlink(path.c_str());
}

TEST(Bytes, ComeFromTheSourceAddressesInTurn) {
  std::mutex mutex;
  std::map<std::string, int> peers;
  Node node([&](Socket& socket) {
    sockaddr_storage address;
    socklen_t length = sizeof(address);
    ::getpeername(socket.fd(), reinterpret_cast<sockaddr*>(&address), &length);
    const std::lock_guard lock(mutex);
    ++peers[base::Endpoint(reinterpret_cast<sockaddr*>(&address), length).host()];
    socket.send("x");
  });
  Plane plane({{node.address()}}, {.sources = {*base::Endpoint::parse("127.0.0.5"),
                                               *base::Endpoint::parse("127.0.0.6")}});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(plane.client().read(1), "x");
  EXPECT_EQ(peers, (std::map<std::string, int>{{"127.0.0.5", 3}, {"127.0.0.6", 3}}));
}

}  // namespace
}  // namespace shunt::proxy::testing
