import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.*;

/** Prints Topology.describe() of many topologies, each after a line "### name". */
public class DescribeTopologies {
    interface Build { void on(StreamsBuilder builder); }

    static void show(String name, Build build) { show(name, build, "none"); }

    static void show(String name, Build build, String optimization) {
        Properties properties = new Properties();
        properties.put("application.id", "app");
        properties.put("bootstrap.servers", "none:1");
        properties.put("topology.optimization", optimization);
        properties.put("__enable.process.processValue.fix__", true);
        StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(properties)));
        build.on(builder);
        System.out.println("### " + name);
        System.out.print(builder.build(properties).describe());
    }

    static KStream<String, String> stream(StreamsBuilder b, String... topics) {
        return b.stream(Arrays.asList(topics), Consumed.with(Serdes.String(), Serdes.String()));
    }

    static Grouped<String, String> grouped() { return Grouped.with(Serdes.String(), Serdes.String()); }

    static class Nothing implements Processor<String, String, String, String> {
        public void process(Record<String, String> record) { }
    }

    static class Nowhere implements Processor<String, String, Void, Void> {
        public void process(Record<String, String> record) { }
    }

    static class NoValues implements FixedKeyProcessor<String, String, String> {
        public void process(FixedKeyRecord<String, String> record) { }
    }

    static StoreBuilder<KeyValueStore<String, String>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), Serdes.String());
    }

    public static void main(String[] args) {
        show("stateless", b -> {
            KStream<String, String> s = stream(b, "in");
            s.filter((k, v) -> true).filterNot((k, v) -> true).mapValues(v -> v).mapValues((k, v) -> v)
                .flatMapValues(v -> List.of(v)).peek((k, v) -> { }).to("out");
            s.map((k, v) -> KeyValue.pair(k, v)).flatMap((k, v) -> List.of(KeyValue.pair(k, v)))
                .selectKey((k, v) -> k).foreach((k, v) -> { });
            s.print(Printed.<String, String>toSysOut().withLabel("x"));
        });
        show("stateless_named", b -> stream(b, "in").filter((k, v) -> true, Named.as("keep"))
            .mapValues(v -> v, Named.as("upper")).selectKey((k, v) -> k, Named.as("rekey"))
            .to("out", Produced.as("write")));
        show("source_named", b -> b.stream("in", Consumed.<String, String>as("read")).to("out"));
        show("several_topics", b -> stream(b, "orders", "payments", "a", "b", "topic-12").to("out"));
        show("pattern", b -> b.stream(Pattern.compile("orders-.*")).to("out"));
        show("same_topic_twice", b -> { stream(b, "in").to("one"); stream(b, "in").mapValues(v -> v).to("two"); });
        show("merge", b -> stream(b, "left").merge(stream(b, "right")).to("out"));
        show("branches", b -> {
            Map<String, KStream<String, String>> m = stream(b, "in").split()
                .branch((k, v) -> true).branch((k, v) -> true, Branched.as("big")).defaultBranch();
            m.values().iterator();
        });
        show("branches_named", b -> stream(b, "in").split(Named.as("by-size-"))
            .branch((k, v) -> true, Branched.withConsumer(s -> s.to("big"), "big"))
            .branch((k, v) -> true, Branched.withConsumer(s -> s.to("mid"), "mid"))
            .defaultBranch(Branched.withConsumer(s -> s.mapValues(v -> v).to("rest"), "rest")));
        show("count", b -> stream(b, "in").groupByKey().count().toStream().to("out"));
        show("count_store", b -> stream(b, "in").groupByKey().count(Materialized.as("counts")).toStream().to("out"));
        show("count_named", b -> stream(b, "in").groupByKey().count(Named.as("counting"), Materialized.as("counts")).toStream(Named.as("changes")).to("out"));
        show("count_options_only", b -> stream(b, "in").groupByKey()
            .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>with(Serdes.String(), Serdes.Long()).withLoggingDisabled()).toStream().to("out"));
        show("group_by_count", b -> stream(b, "in").groupBy((k, v) -> v).count().toStream().to("out"));
        show("group_by_named", b -> stream(b, "in").groupBy((k, v) -> v, Grouped.as("by-word")).count(Materialized.as("words")).toStream().to("out"));
        show("group_by_reused", b -> {
            KGroupedStream<String, String> g = stream(b, "in").groupBy((k, v) -> v, Grouped.as("by-word"));
            g.count(Materialized.as("counts")).toStream().to("counts-out");
            g.reduce((x, y) -> y, Materialized.as("last")).toStream().to("last-out");
        });
        show("group_by_twice", b -> {
            KGroupedStream<String, String> g = stream(b, "in").groupBy((k, v) -> v);
            g.count().toStream().to("counts-out");
            g.reduce((x, y) -> y).toStream().to("last-out");
        });
        show("aggregate_and_reduce", b -> {
            KGroupedStream<String, String> g = stream(b, "in").groupByKey();
            g.aggregate(() -> "", (k, v, a) -> a).toStream().to("aggregates");
            g.reduce((x, y) -> y).toStream().to("reduced");
        });
        show("windowed_count", b -> stream(b, "in").groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(1))).count().toStream().to("out"));
        show("windowed_all", b -> {
            TimeWindowedKStream<String, String> w = stream(b, "in").selectKey((k, v) -> v).groupByKey()
                .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofSeconds(10)).advanceBy(Duration.ofSeconds(5)));
            w.count(Materialized.as("counts")).toStream().to("counts-out");
            w.reduce((x, y) -> y, Named.as("last")).toStream().to("last-out");
            w.aggregate(() -> "", (k, v, a) -> a).toStream().to("aggregates");
        });
        show("repartition", b -> stream(b, "in").repartition().to("out"));
        show("repartition_named", b -> stream(b, "in").selectKey((k, v) -> v)
            .repartition(Repartitioned.<String, String>as("by-value").withNumberOfPartitions(3)).mapValues(v -> v).to("out"));
        show("to_extractor_less", b -> stream(b, "in").to("a"));
        show("to_table", b -> stream(b, "in").toTable().toStream().to("out"));
        show("to_table_rekeyed", b -> stream(b, "in").selectKey((k, v) -> v).toTable(Materialized.as("latest")).toStream().to("out"));
        show("to_table_named", b -> stream(b, "in").selectKey((k, v) -> v).toTable(Named.as("latest-table")).toStream().to("out"));
        show("table", b -> b.table("t", Consumed.with(Serdes.String(), Serdes.String())).toStream().to("out"));
        show("table_store", b -> b.table("t", Materialized.as("store")).toStream().to("out"));
        show("table_named", b -> b.table("t", Consumed.<String, String>as("prices"), Materialized.as("store")).toStream().to("out"));
        show("table_optimized", b -> b.table("t", Materialized.as("store")).toStream().to("out"), "reuse.ktable.source.topics");
        show("table_operators", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            t.filter((k, v) -> true).mapValues(v -> v).toStream().to("one");
            t.filterNot((k, v) -> true, Materialized.as("kept")).mapValues((k, v) -> v, Named.as("mapped")).toStream((k, v) -> v).to("two");
            t.mapValues(v -> v, Materialized.as("upper")).filter((k, v) -> true, Named.as("some")).toStream().to("three");
        });
        show("table_group", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            t.groupBy((k, v) -> KeyValue.pair(v, v)).count().toStream().to("one");
            t.groupBy((k, v) -> KeyValue.pair(v, v), Grouped.as("g")).aggregate(() -> "", (k, v, a) -> a, (k, v, a) -> a, Materialized.as("sums")).toStream().to("two");
            t.groupBy((k, v) -> KeyValue.pair(v, v)).reduce((x, y) -> x, (x, y) -> y, Named.as("reducing"), Materialized.as("reduced")).toStream().to("three");
        });
        show("table_group_reused", b -> {
            KGroupedTable<String, String> g = b.table("t", Consumed.with(Serdes.String(), Serdes.String())).groupBy((k, v) -> KeyValue.pair(v, v), Grouped.as("g"));
            g.count(Materialized.as("counts")).toStream().to("one");
            g.reduce((x, y) -> x, (x, y) -> y, Materialized.as("reduced")).toStream().to("two");
        });
        show("stream_table_join", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            KStream<String, String> s = stream(b, "in");
            s.join(t, (x, y) -> x).to("inner");
            s.leftJoin(t, (k, x, y) -> x, Joined.as("left")).to("left-out");
        });
        show("stream_table_rekeyed", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()), Materialized.as("table"));
            KStream<String, String> s = stream(b, "in").selectKey((k, v) -> v);
            s.leftJoin(t, (x, y) -> x).to("left-out");
            s.join(t, (x, y) -> x, Joined.as("with-t")).to("inner");
        });
        show("stream_table_rekeyed_twice", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            KTable<String, String> u = b.table("u", Consumed.with(Serdes.String(), Serdes.String()));
            KStream<String, String> s = stream(b, "in").map((k, v) -> KeyValue.pair(v, k));
            s.join(t, (x, y) -> x).join(u, (x, y) -> x).to("out");
            s.join(u, (x, y) -> x).to("out2");
        });
        show("join_mapped_table", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            stream(b, "in").join(t.filter((k, v) -> true).mapValues(v -> v), (x, y) -> x).to("out");
        });
        show("join_aggregate", b -> {
            KStream<String, String> s = stream(b, "in");
            KTable<String, Long> c = s.filter((k, v) -> true).groupByKey().count(Materialized.as("counts"));
            s.join(c, (x, y) -> x + y).to("out");
        });
        show("global_table", b -> {
            GlobalKTable<String, String> g = b.globalTable("g", Consumed.with(Serdes.String(), Serdes.String()));
            KStream<String, String> s = stream(b, "in");
            s.join(g, (k, v) -> v, (x, y) -> x).to("inner");
            s.leftJoin(g, (k, v) -> v, (x, y) -> x, Named.as("left")).to("left-out");
        });
        show("global_table_named", b -> {
            stream(b, "first").to("first-out");
            GlobalKTable<String, String> g = b.globalTable("g", Consumed.<String, String>as("codes"), Materialized.as("codes-store"));
            stream(b, "in").join(g, (k, v) -> v, (x, y) -> x).to("inner");
        });
        show("processors", b -> {
            b.addStateStore(store("seen"));
            b.addStateStore(store("last"));
            stream(b, "in").process(Nothing::new, "seen", "last").to("out");
            stream(b, "other").processValues(NoValues::new, Named.as("delta"), "last").to("values");
        });
        show("three_stores_diamond", b -> {
            KStream<String, String> s = stream(b, "in");
            KTable<String, Long> c = s.groupByKey().count(Materialized.as("counts"));
            KTable<String, String> l = s.toTable(Materialized.as("latest"));
            s.join(c, (x, y) -> x).join(l, (x, y) -> x).to("out");
            s.leftJoin(l, (x, y) -> x).merge(s.mapValues(v -> v)).to("out2");
        });
        show("word_count", b -> stream(b, "lines").flatMapValues(v -> List.of(v.split(" ")))
            .groupBy((k, v) -> v, Grouped.as("by-word")).count(Materialized.as("words")).toStream().to("counts"));
        show("multi_stage", b -> {
            KTable<String, String> names = b.table("customers", Consumed.with(Serdes.String(), Serdes.String()), Materialized.as("names"));
            stream(b, "orders").filter((k, v) -> v != null).selectKey((k, v) -> v).mapValues(v -> v)
                .repartition(Repartitioned.<String, String>as("by-cust")).groupByKey()
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(5)))
                .reduce((x, y) -> x, Materialized.as("totals")).toStream()
                .map((k, v) -> KeyValue.pair(k.key(), v)).leftJoin(names, (x, y) -> x).to("out");
        });
        show("sessions_and_sliding", b -> {
            KGroupedStream<String, String> g = stream(b, "in").groupByKey();
            SessionWindowedKStream<String, String> s = g.windowedBy(SessionWindows.ofInactivityGapWithNoGrace(Duration.ofSeconds(5)));
            s.count().toStream().to("a");
            s.reduce((x, y) -> y, Materialized.as("last")).toStream().to("b");
            s.aggregate(() -> "", (k, v, a) -> a, (k, x, y) -> x, Named.as("folding")).toStream().to("c");
            TimeWindowedKStream<String, String> w = g.windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5)));
            w.count().toStream().to("d");
            w.reduce((x, y) -> y).toStream().to("e");
            w.aggregate(() -> "", (k, v, a) -> a, Materialized.as("slid")).toStream().to("f");
        });
        show("emit_on_close", b -> stream(b, "in").groupBy((k, v) -> v)
            .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofSeconds(5))).emitStrategy(EmitStrategy.onWindowClose())
            .count(Materialized.as("counts")).toStream().to("out"));
        show("cogroup", b -> {
            KGroupedStream<String, String> x = stream(b, "x").groupByKey();
            KGroupedStream<String, String> y = stream(b, "y").groupByKey();
            CogroupedKStream<String, String> c = x.<String>cogroup((k, v, a) -> a).cogroup(y, (k, v, a) -> a);
            c.aggregate(() -> "").toStream().to("plain");
            c.windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofSeconds(5))).aggregate(() -> "", Named.as("tumbling")).toStream().to("windowed");
            c.windowedBy(SlidingWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5))).aggregate(() -> "", Materialized.as("sliding")).toStream().to("sliding-out");
            c.windowedBy(SessionWindows.ofInactivityGapWithNoGrace(Duration.ofSeconds(5))).aggregate(() -> "", (k, v, w) -> v).toStream().to("sessions");
        });
        show("cogroup_rekeyed", b -> {
            KGroupedStream<String, String> x = stream(b, "x").groupBy((k, v) -> v);
            KGroupedStream<String, String> y = stream(b, "y").groupBy((k, v) -> v, Grouped.as("by-y"));
            x.<String>cogroup((k, v, a) -> a).cogroup(y, (k, v, a) -> a).aggregate(() -> "", Materialized.as("both")).toStream().to("out");
        });
        show("table_joins", b -> {
            KTable<String, String> l = b.table("l", Consumed.with(Serdes.String(), Serdes.String()));
            KTable<String, String> r = b.table("r", Consumed.with(Serdes.String(), Serdes.String()), Materialized.as("rights"));
            KTable<String, String> j = l.join(r, (x, y) -> x);
            j.toStream().to("inner");
            l.leftJoin(r, (x, y) -> x, Named.as("left")).toStream().to("left-out");
            l.outerJoin(r, (x, y) -> x, Materialized.as("joined")).filter((k, v) -> true).toStream().to("outer-out");
            j.mapValues(v -> v).join(r, (x, y) -> x, Named.as("again"), Materialized.with(Serdes.String(), Serdes.String())).toStream().to("chained");
        });
        show("foreign_key_joins", b -> {
            KTable<String, String> l = b.table("l", Consumed.with(Serdes.String(), Serdes.String()));
            KTable<String, String> r = b.table("r", Consumed.with(Serdes.String(), Serdes.String()), Materialized.as("rights"));
            Function<String, String> key = v -> v;
            ValueJoiner<String, String, String> first = (x, y) -> x;
            KTable<String, String> j = l.join(r, key, first);
            j.toStream().to("inner");
            l.leftJoin(r, key, first, TableJoined.as("left")).toStream().to("left-out");
            l.join(r.filter((k, v) -> true), key, first, Materialized.as("joined")).toStream().to("stored");
            j.join(r, key, first, TableJoined.as("again"), Materialized.as("chain")).toStream().to("chained");
        });
        show("table_join_of_aggregates", b -> {
            KTable<String, Long> c = stream(b, "in").groupByKey().count(Materialized.as("counts"));
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            KTable<String, String> j = c.join(t.filter((k, v) -> true), (x, y) -> y);
            stream(b, "other").join(j, (x, y) -> x).to("out");
            j.groupBy((k, v) -> KeyValue.pair(v, v)).count(Materialized.as("groups")).toStream().to("groups-out");
        });
        show("stream_joins", b -> {
            KStream<String, String> l = stream(b, "l");
            KStream<String, String> r = stream(b, "r");
            JoinWindows w = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5));
            l.join(r, (x, y) -> x, w).to("inner");
            l.leftJoin(r, (x, y) -> x, w).to("left");
            l.outerJoin(r, (x, y) -> x, w).to("outer");
        });
        show("stream_joins_named", b -> {
            KStream<String, String> l = stream(b, "l").selectKey((k, v) -> v);
            KStream<String, String> r = stream(b, "r").selectKey((k, v) -> v);
            JoinWindows w = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5));
            l.join(r, (x, y) -> x, w, StreamJoined.<String, String, String>as("pairs").withName("pairing")).to("inner");
            l.leftJoin(r, (x, y) -> x, w, StreamJoined.<String, String, String>as("lefts")).to("left");
            l.outerJoin(r, (x, y) -> x, w, StreamJoined.<String, String, String>as("outers").withName("outer")).to("outer");
        });
        show("self_join", b -> {
            KStream<String, String> s = stream(b, "s");
            s.join(s, (x, y) -> x, JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5))).to("out");
        });
        show("suppress", b -> {
            KTable<Windowed<String>, Long> w = stream(b, "in").groupByKey()
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(5), Duration.ofSeconds(1))).count(Materialized.as("counts"));
            w.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded())).toStream().to("closed");
            w.suppress(Suppressed.<Windowed<String>>untilTimeLimit(Duration.ofSeconds(5), Suppressed.BufferConfig.maxRecords(5)).withName("limited")).toStream().to("limited-out");
        });
        show("versioned", b -> {
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()),
                Materialized.as(Stores.persistentVersionedKeyValueStore("history", Duration.ofMinutes(1))));
            KStream<String, String> s = stream(b, "in");
            s.join(t, (x, y) -> x).to("now");
            s.leftJoin(t, (x, y) -> x, Joined.<String, String, String>with(Serdes.String(), Serdes.String(), Serdes.String()).withGracePeriod(Duration.ofSeconds(5))).to("later");
            s.join(t, (x, y) -> x, Joined.<String, String, String>with(Serdes.String(), Serdes.String(), Serdes.String()).withName("waiting").withGracePeriod(Duration.ofSeconds(5))).to("named");
        });
        show("merged_repartitions_optimized", b -> {
            KStream<String, String> s = stream(b, "in").selectKey((k, v) -> v);
            s.groupByKey(grouped()).count(Materialized.as("counts")).toStream().to("counts-out");
            s.groupByKey(grouped()).reduce((x, y) -> y).toStream().to("last-out");
            KTable<String, String> t = b.table("t", Consumed.with(Serdes.String(), Serdes.String()));
            s.filter((k, v) -> true).leftJoin(t, (x, y) -> x).to("joined");
            s.to("plain");
        }, "all");
        show("value_change_keeps_its_topic_optimized", b -> {
            KStream<String, String> s = stream(b, "in").map((k, v) -> KeyValue.pair(v, v));
            s.groupByKey(Grouped.as("raw")).count().toStream().to("raw-out");
            s.mapValues(v -> v).groupByKey(Grouped.as("upper")).count().toStream().to("upper-out");
            s.mapValues(v -> v).selectKey((k, v) -> v).groupByKey(Grouped.as("again")).count().toStream().to("again-out");
        }, "merge.repartition.topics");
        show("merged_streams_optimized", b -> {
            KStream<String, String> x = stream(b, "x").selectKey((k, v) -> v);
            KStream<String, String> y = stream(b, "y").selectKey((k, v) -> v);
            KStream<String, String> m = x.merge(y);
            m.groupByKey(grouped()).count(Materialized.as("counts")).toStream().to("counts-out");
            m.toTable(Named.as("latest"), Materialized.as("latest-store")).toStream().to("latest-out");
        }, "all");
        show("rekeyed_self_join_optimized", b -> {
            KStream<String, String> s = stream(b, "s").selectKey((k, v) -> v);
            JoinWindows w = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5));
            s.join(s, (x, y) -> x, w, StreamJoined.<String, String, String>as("pairs").withName("pairing")).to("out");
            s.leftJoin(s, (x, y) -> x, w).to("left-out");
        }, "all");
        show("self_join_optimized", b -> {
            KStream<String, String> s = stream(b, "s");
            KStream<String, String> again = stream(b, "s");
            JoinWindows w = JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5));
            s.join(s, (x, y) -> x, w).to("out");
            s.outerJoin(again, (x, y) -> x, w).to("outer-out");
            s.mapValues(v -> v).join(s, (x, y) -> x, w).to("other-out");
        }, "single.store.self.join");
        show("processors_optimized", b -> {
            b.addStateStore(store("seen"));
            KStream<String, String> s = stream(b, "in").selectKey((k, v) -> v);
            s.groupByKey(Grouped.as("first")).count().toStream().to("one");
            s.processValues(NoValues::new, Named.as("values"), "seen").groupByKey(Grouped.as("second")).count().toStream().to("two");
            KStream<String, String> p = s.process(Nothing::new, Named.as("keys"), "seen");
            p.groupByKey(Grouped.as("third")).count().toStream().to("three");
            p.peek((k, v) -> { }).toTable(Named.as("fourth")).toStream().to("four");
        }, "all");
        show("repartition_between_optimized", b -> {
            KStream<String, String> s = stream(b, "in").selectKey((k, v) -> v);
            KStream<String, String> r = s.repartition(Repartitioned.as("through"));
            r.groupByKey().count(Materialized.as("counts")).toStream().to("one");
            r.selectKey((k, v) -> v).filter((k, v) -> true).groupByKey(Grouped.as("other")).count().toStream().to("two");
            s.groupByKey(Grouped.as("direct")).count().toStream().to("three");
        }, "reuse.ktable.source.topics,merge.repartition.topics");
        show("global_stores", b -> {
            stream(b, "in").to("out");
            b.addGlobalStore(store("first"), "g", Consumed.with(Serdes.String(), Serdes.String()), Nowhere::new);
            b.addGlobalStore(store("second"), "h", Consumed.<String, String>as("filled"), Nowhere::new);
        });
        show("named_group_around_others", b -> {
            KGroupedStream<String, String> g = stream(b, "in").groupBy((k, v) -> v, Grouped.as("by-word"));
            g.count(Materialized.as("counts")).toStream().to("counts-out");
            stream(b, "between").selectKey((k, v) -> v).repartition(Repartitioned.as("beside")).to("beside-out");
            g.reduce((x, y) -> y, Materialized.as("last")).toStream().to("last-out");
        });
    }
}
