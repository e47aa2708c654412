// Answers of the daemon as docs/admin-api.md has them, for the tests of this module.
#pragma once

#include <string>

namespace shunt::cli::answers {

inline const std::string switched = R"({"kind": "done", "changed": true, "dry_run": false,
  "replayed": false, "app": "web", "message": "green is live", "active": "green", "epoch": 42,
  "receipt": {"epoch": 42, "from": "blue", "to": "green", "gates_ns": 12345, "persist_ns": 350000,
              "store_ns": 140, "adoption_ns": 80400, "total_ns": 1234567, "repointed": 3,
              "left_behind": 903, "durable": true, "skipped": [], "time": "2026-11-23T09:56:48.000Z"},
  "nodes": [], "closed": 0})";

inline const std::string unchanged = R"({"kind": "done", "changed": false, "dry_run": false,
  "replayed": false, "app": "web", "message": "green is live already", "active": "green", "epoch": 42,
  "receipt": null, "nodes": [], "closed": 0})";

inline const std::string refused = R"({"type": "urn:shunt:problem:refused",
  "title": "refused, nothing changed", "status": 409, "detail": "green is not ready to take traffic",
  "kind": "refused", "app": "web", "active": "blue", "epoch": 41,
  "reasons": [{"gate": "min_healthy", "message": "32 of 40 healthy, need 36: node17 connection refused"},
              {"gate": "hold", "message": "somebody holds it"}],
  "next": ["shunt status green", "shunt switch green --skip min_healthy --reason …"]})";

inline std::string problem(const std::string& kind, const std::string& detail) {
  return R"({"type": "urn:shunt:problem:)" + kind + R"(", "title": ")" + kind +
         R"(", "detail": ")" + detail + R"(", "kind": ")" + kind +
         R"(", "app": "web", "active": "blue", "epoch": 42})";
}

// One app as green is live and blue drains; `left` connections on blue.
inline std::string app(int left, const std::string& active = "green",
                       const std::string& admin = "ready", const std::string& health = "up") {
  const std::string other = active == "green" ? "blue" : "green";
  const std::string count = std::to_string(left);
  return R"({"name": "web", "active": ")" + active + R"(", "epoch": 42, "last": "switch",
   "last_receipt": {"epoch": 42, "time": "2026-11-23T09:56:48.000Z", "durable": true},
   "recovered_unacknowledged": false, "rollback_to": ")" +
         other + R"(", "rollback_why_not": "",
   "balance": "round_robin",
   "services": [{"name": "http", "listen": ["0.0.0.0:8080", "[::]:8080"], "accepted": 9000, "open": 8,
                 "refused": 0, "panic": false}],
   "pools": [{"name": ")" +
         other + R"(", "state": "kept", "rollback_target": true, "nodes": 1, "ready": 1,
     "healthy": 1, "usable": 1, "established": )" +
         count + R"(, "connecting": 0,
     "drain": {"remaining": )" +
         count + R"(, "oldest_ns": 10800000000000, "deadline_in_ns": null,
               "closing": false},
     "node_list": [{"name": "b1", "weight": 1, "admin": "ready", "health": "up", "last_failure": "",
       "since_ns": 60000000000, "established": )" +
         count + R"(, "connecting": 0, "connect_errors": 0}]},
    {"name": ")" +
         active + R"(", "state": "active", "rollback_target": false, "nodes": 2, "ready": 2,
     "healthy": )" +
         (health == "up" ? "2" : "1") + R"(, "usable": 2, "established": 8112, "connecting": 0,
     "drain": {"remaining": 0, "oldest_ns": 0, "deadline_in_ns": null, "closing": false},
     "node_list": [{"name": "g1", "weight": 2, "admin": "ready", "health": "up", "last_failure": "",
       "since_ns": 60000000000, "established": 8112, "connecting": 0, "connect_errors": 0},
      {"name": "g2", "weight": 1, "admin": ")" +
         admin + R"(", "health": ")" + health + R"(", "last_failure": ")" +
         (health == "up" ? "" : "http: connection refused") + R"(",
       "since_ns": 754000000000, "established": )" +
         count + R"(, "connecting": 0,
       "connect_errors": 7, "drain": )" +
         (admin == "ready" ? std::string("null")
                           : R"({"remaining": )" + count + R"(, "oldest_ns": 7200000000000,
         "deadline_in_ns": 300000000000, "closing": false})") +
         R"(}]}],
   "drift": []})";
}

inline std::string snapshot(const std::string& apps) {
  return R"({"process": {"version": "0.1.0", "pid": 4711, "started": "2026-11-23T06:48:00.000Z",
   "config": "/etc/shunt/shunt.yaml", "phase": "ready", "phase_reason": "", "workers": 2,
   "capacity": 9900, "features": "", "revision": 7, "connections": 9015}, "apps": [)" +
         apps + "]}";
}

}  // namespace shunt::cli::answers
