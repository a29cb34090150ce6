#include "base/metrics.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hookswitch {
namespace {

TEST(Metrics, AreWrittenInPrometheusText) {
  Registry registry;
  registry.counter("hookswitch_x_total", "Things.", {{"reason", "slow_client"}}).add(3);
  registry.counter("hookswitch_x_total", "Things.", {{"reason", "overload"}}).add();
  registry.gauge("hookswitch_now", "Now.").set(-2);
  EXPECT_EQ(
      registry.render(),
      "# HELP hookswitch_x_total Things.\n# TYPE hookswitch_x_total counter\n"
      "hookswitch_x_total{reason=\"slow_client\"} 3\nhookswitch_x_total{reason=\"overload\"} 1\n"
      "# HELP hookswitch_now Now.\n# TYPE hookswitch_now gauge\nhookswitch_now -2\n");
}

TEST(Metrics, FamilyIsDeclaredOnceAndItsSeriesStandTogether) {
  Registry registry;
  registry.counter("a_total", "A.", {{"k", "1"}}).add();
  registry.counter("b_total", "B.").add();
  registry.counter("a_total", "A.", {{"k", "2"}}).add();
  EXPECT_EQ(registry.render(),
            "# HELP a_total A.\n# TYPE a_total counter\na_total{k=\"1\"} 1\na_total{k=\"2\"} 1\n"
            "# HELP b_total B.\n# TYPE b_total counter\nb_total 1\n");
}

TEST(Metrics, LabelValuesAreEscaped) {
  Registry registry;
  registry.counter("a_total", "A.", {{"k", "x\"y\\z\nw"}, {"l", "2"}});
  EXPECT_NE(registry.render().find("a_total{k=\"x\\\"y\\\\z\\nw\",l=\"2\"} 0\n"),
            std::string::npos);
}

TEST(Metrics, SameNameAndLabelsAreTheSameObject) {
  Registry registry;
  Counter& first = registry.counter("a_total", "A.", {{"k", "1"}});
  for (int i = 0; i < 200; ++i) registry.counter("a_total", "A.", {{"k", std::to_string(i)}});
  EXPECT_EQ(&registry.counter("a_total", "A.", {{"k", "1"}}), &first);
  first.add(7);
  EXPECT_EQ(registry.value("a_total", {{"k", "1"}}), 7);
  EXPECT_EQ(registry.value("a_total", {{"k", "2"}}), 0);
  EXPECT_EQ(registry.value("none"), 0);
}

TEST(Metrics, CountFromManyThreads) {
  Registry registry;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 10'000; ++n) registry.counter("a_total", "A.").add();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(registry.value("a_total"), 40'000);
}

TEST(MetricsDeathTest, OneNameIsNotCounterAndGauge) {
  EXPECT_DEATH(
      {
        Registry registry;
        registry.counter("a", "A.");
        registry.gauge("a", "A.");
      },
      "assertion_failed");
}

}  // namespace
}  // namespace hookswitch
