// An app's release between the state document, which has names, and the machine, which has the
// positions of one reading of the file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shunt/base/network.hpp"
#include "shunt/base/result.hpp"
#include "shunt/control/state_document.hpp"
#include "shunt/traffic/model.hpp"
#include "shunt/traffic/release.hpp"
#include "shunt/traffic/split.hpp"

namespace shunt::control {

// kNoPool where the app has none of that name.
[[nodiscard]] traffic::PoolId find_pool(const traffic::App& app, const std::string& name);

// Nothing where one of them is none.
[[nodiscard]] std::optional<std::vector<base::Network>> networks_of(
    const std::vector<std::string>& sources);

// What the app's tables are built with; empty: no pool takes a share.
[[nodiscard]] std::optional<traffic::SplitTerms> split_of(const traffic::App& app,
                                                          const traffic::ReleaseState& release);

// Of an app without a history.
[[nodiscard]] traffic::ReleaseState fresh_release(const traffic::App& app);

// The rest of the document stays as it is.
void write_release(const traffic::App& app, const traffic::ReleaseState& release,
                   AppDocument& document);

// The app must have the active pool and all kept ones. Pools that the document does not know begin
// like those of an app without a history, with a generation of their own; those that the app lacks
// are forgotten. kInvalid: the document is not one that shunt writes.
[[nodiscard]] base::Result<traffic::ReleaseState> read_release(const traffic::App& app,
                                                               const AppDocument& document);

}  // namespace shunt::control
