import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Answers topologies. Each line of the input is a JSON object with "nodes" (see tests/support/topology_json.py, which
 * builds the same topology with our DSL) and "inputs"; the answer is a line with "steps", the records that each input
 * caused, and "stores", or with "error".
 */
public class StreamsOracle {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Serde<String> TEXT = Serdes.String();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer;
            try {
                answer = answer(JSON.readTree(line));
            } catch (Throwable error) {
                answer = JSON.createObjectNode();
                Throwable root = error;
                while (root.getCause() != null) root = root.getCause();
                StackTraceElement[] trace = root.getStackTrace();
                answer.put("error", root + (trace.length > 0 ? " at " + trace[0] : ""));
            }
            out.println(JSON.writeValueAsString(answer));
        }
    }

    static ObjectNode answer(JsonNode asked) throws Exception {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "oracle");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("oracle").toString());
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
        settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
        StreamsBuilder builder = new StreamsBuilder();
        List<String> outputs = new ArrayList<>();
        new Nodes(builder, asked.get("nodes"), outputs).build();
        Topology topology = builder.build(settings);
        ObjectNode answer = JSON.createObjectNode();
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, settings, Instant.ofEpochMilli(0))) {
            ArrayNode steps = answer.putArray("steps");
            for (JsonNode given : asked.get("inputs")) {
                driver.createInputTopic(given.get("topic").asText(), new StringSerializer(), new StringSerializer())
                    .pipeInput(new TestRecord<>(text(given, "key"), text(given, "value"), new RecordHeaders(), given.get("ts").asLong()));
                ArrayNode step = steps.addArray();
                for (String topic : outputs) {
                    TestOutputTopic<String, String> read =
                        driver.createOutputTopic(topic, new StringDeserializer(), new StringDeserializer());
                    while (!read.isEmpty()) {
                        TestRecord<String, String> record = read.readRecord();
                        step.addArray().add(topic).add(record.key()).add(record.value()).add(record.timestamp());
                    }
                }
            }
            ObjectNode stores = answer.putObject("stores");
            for (JsonNode node : asked.get("nodes"))
                if (node.hasNonNull("store")) content(driver, node, stores.putArray(node.get("store").asText()));
        }
        return answer;
    }

    static void content(TopologyTestDriver driver, JsonNode node, ArrayNode rows) {
        String name = node.get("store").asText();
        switch (node.path("kind").asText("table")) {
            case "session":
                try (KeyValueIterator<Windowed<String>, Object> all = driver.<String, Object>getSessionStore(name).fetch(null, (String) null)) {
                    all.forEachRemaining(row -> rows.addArray().add(row.key.key()).add(row.key.window().start())
                        .add(row.key.window().end()).add(String.valueOf(row.value)));
                }
                break;
            case "window":
                try (KeyValueIterator<Windowed<String>, ValueAndTimestamp<Object>> all = driver.<String, Object>getTimestampedWindowStore(name).all()) {
                    all.forEachRemaining(row -> rows.addArray().add(row.key.key()).add(row.key.window().start())
                        .add(String.valueOf(row.value.value())).add(row.value.timestamp()));
                }
                break;
            default:
                try (KeyValueIterator<String, ValueAndTimestamp<Object>> all = driver.<String, Object>getTimestampedKeyValueStore(name).all()) {
                    all.forEachRemaining(row -> rows.addArray().add(row.key).add(String.valueOf(row.value.value()))
                        .add(row.value.timestamp()));
                }
        }
    }

    static String text(JsonNode node, String field) {
        return node.hasNonNull(field) ? node.get(field).asText() : null;
    }

    // -- the functions of the topologies: the same as in topology_json.py --

    static String cap(String text) { return text.length() > 24 ? text.substring(text.length() - 24) : text; }

    static String changed(int which, String value) {
        if (which == 0) return value == null ? null : cap(value + "'");
        if (which == 1) return cap(value + "x");
        return value == null || value.length() % 3 == 0 ? null : value;
    }

    static String rekeyed(int which, String key, String value) {
        if (which == 0) return value == null || value.isEmpty() ? null : value.substring(0, 1);
        if (which == 1) return key == null ? "a" : key;
        if (which == 2) return "k";
        if (key == null) return null;
        return key.equals("a") ? "b" : key.equals("b") ? "c" : "a";
    }

    static boolean kept(int which, String key, String value) {
        if (which == 0) return value != null;
        if (which == 1) return value == null || value.length() % 2 == 0;
        return key == null || !key.equals("a");
    }

    static String joined(String left, String right) { return cap(left + "+" + right); }

    static String added(int which, String value, String aggregate) {
        return which == 1 && aggregate.length() > 6 ? null : cap(aggregate + value + ";");
    }

    /** Builds the nodes in order; each refers to earlier ones by their index. */
    @SuppressWarnings("unchecked")
    static class Nodes {
        final StreamsBuilder builder;
        final JsonNode nodes;
        final List<String> outputs;
        final List<Object> built = new ArrayList<>();

        Nodes(StreamsBuilder builder, JsonNode nodes, List<String> outputs) {
            this.builder = builder;
            this.nodes = nodes;
            this.outputs = outputs;
        }

        void build() {
            for (JsonNode node : nodes) built.add(make(node));
        }

        KStream<String, String> stream(JsonNode node, int place) {
            return (KStream<String, String>) built.get(node.get("of").get(place).asInt());
        }

        KTable<String, String> table(JsonNode node, int place) {
            return (KTable<String, String>) built.get(node.get("of").get(place).asInt());
        }

        static Duration ms(JsonNode node, String field) { return Duration.ofMillis(node.get(field).asLong()); }

        static <V, S extends org.apache.kafka.streams.processor.StateStore> Materialized<String, V, S> as(JsonNode node, Serde<V> serde) {
            Materialized<String, V, S> with = node.hasNonNull("store")
                ? Materialized.as(node.get("store").asText()) : Materialized.with(TEXT, serde);
            return with.withKeySerde(TEXT).withValueSerde(serde);
        }

        Object make(JsonNode node) {
            int f = node.path("f").asInt(0);
            switch (node.get("op").asText()) {
                case "stream": return builder.stream(node.get("topic").asText());
                case "table": return builder.table(node.get("topic").asText(),
                    StreamsOracle.Nodes.<String, KeyValueStore<Bytes, byte[]>>as(node, TEXT));
                case "global": return builder.globalTable(node.get("topic").asText(),
                    StreamsOracle.Nodes.<String, KeyValueStore<Bytes, byte[]>>as(node, TEXT));
                case "filter": return stream(node, 0).filter((k, v) -> kept(f, k, v));
                case "filter_not": return stream(node, 0).filterNot((k, v) -> kept(f, k, v));
                case "map_values": return stream(node, 0).mapValues(v -> changed(f, v));
                case "map": return stream(node, 0).map((k, v) -> KeyValue.pair(rekeyed(f, k, v), changed(1, v)));
                case "select_key": return stream(node, 0).selectKey((k, v) -> rekeyed(f, k, v));
                case "flat_map_values": return stream(node, 0).flatMapValues(v -> v == null ? List.<String>of() : List.of(v, cap(v + "2")));
                case "flat_map": return stream(node, 0).flatMap((k, v) -> v == null
                    ? List.<KeyValue<String, String>>of() : List.of(KeyValue.pair(rekeyed(f, k, v), v), KeyValue.pair(k, cap(v + "2"))));
                case "merge": return stream(node, 0).merge(stream(node, 1));
                case "repartition": return stream(node, 0).repartition();
                case "to_table": return stream(node, 0).toTable(StreamsOracle.Nodes.<String, KeyValueStore<Bytes, byte[]>>as(node, TEXT));
                case "aggregate": return aggregate(node, f);
                case "table_filter": {
                    if (!node.hasNonNull("store")) return table(node, 0).filter((k, v) -> kept(f, k, v));
                    return table(node, 0).filter((k, v) -> kept(f, k, v), StreamsOracle.Nodes.<String, KeyValueStore<Bytes, byte[]>>as(node, TEXT));
                }
                case "table_map_values": {
                    if (!node.hasNonNull("store")) return table(node, 0).mapValues(v -> changed(f, v));
                    return table(node, 0).mapValues(v -> changed(f, v), StreamsOracle.Nodes.<String, KeyValueStore<Bytes, byte[]>>as(node, TEXT));
                }
                case "windowed_map_values":
                    return ((KTable<Windowed<String>, String>) built.get(node.get("of").get(0).asInt())).mapValues(v -> changed(f, v));
                case "to_stream": return table(node, 0).toStream();
                case "windowed_to_stream":
                    return ((KTable<Windowed<String>, String>) built.get(node.get("of").get(0).asInt()))
                        .toStream((k, v) -> k.key() + "@" + k.window().start() + "-" + k.window().end());
                case "table_group": return tableGroup(node, f);
                case "table_join": return tableJoin(node);
                case "stream_table_join": {
                    if (node.get("how").asText().equals("left")) return stream(node, 0).leftJoin(table(node, 1), StreamsOracle::joined);
                    return stream(node, 0).join(table(node, 1), StreamsOracle::joined);
                }
                case "global_join": {
                    GlobalKTable<String, String> rows = (GlobalKTable<String, String>) built.get(node.get("of").get(1).asInt());
                    if (node.get("how").asText().equals("left"))
                        return stream(node, 0).leftJoin(rows, (k, v) -> rekeyed(f, k, v), StreamsOracle::joined);
                    return stream(node, 0).join(rows, (k, v) -> rekeyed(f, k, v), StreamsOracle::joined);
                }
                case "stream_join": {
                    JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, ms(node, "grace"))
                        .before(ms(node, "before")).after(ms(node, "after"));
                    StreamJoined<String, String, String> with = StreamJoined.with(TEXT, TEXT, TEXT);
                    switch (node.get("how").asText()) {
                        case "inner": return stream(node, 0).join(stream(node, 1), StreamsOracle::joined, windows, with);
                        case "left": return stream(node, 0).leftJoin(stream(node, 1), StreamsOracle::joined, windows, with);
                        default: return stream(node, 0).outerJoin(stream(node, 1), StreamsOracle::joined, windows, with);
                    }
                }
                case "suppress_limit": return table(node, 0).suppress(Suppressed.untilTimeLimit(ms(node, "limit"), Suppressed.BufferConfig.unbounded()));
                case "suppress_close":
                    return ((KTable<Windowed<String>, String>) built.get(node.get("of").get(0).asInt()))
                        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()));
                case "to": {
                    stream(node, 0).to(node.get("topic").asText());
                    outputs.add(node.get("topic").asText());
                    return null;
                }
                default: throw new IllegalArgumentException("no operation " + node.get("op"));
            }
        }

        Object aggregate(JsonNode node, int f) {
            KGroupedStream<String, String> grouped = node.hasNonNull("by")
                ? stream(node, 0).groupBy((k, v) -> rekeyed(node.get("by").asInt(), k, v)) : stream(node, 0).groupByKey();
            String how = node.get("how").asText();
            if (!node.hasNonNull("windows")) {
                if (how.equals("count")) return grouped.count(StreamsOracle.Nodes.<Long, KeyValueStore<Bytes, byte[]>>as(node, Serdes.Long())).mapValues(String::valueOf);
                Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = as(node, TEXT);
                if (how.equals("reduce")) return grouped.reduce((a, b) -> cap(a + "," + b), store);
                return grouped.aggregate(() -> "", (k, v, a) -> added(f, v, a), store);
            }
            JsonNode given = node.get("windows");
            EmitStrategy emit = node.path("on_close").asBoolean() ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
            Duration grace = ms(given, "grace");
            if (given.has("gap")) {
                SessionWindowedKStream<String, String> sessions = grouped
                    .windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(given, "gap"), grace)).emitStrategy(emit);
                if (how.equals("count")) return sessions.count(StreamsOracle.Nodes.<Long, SessionStore<Bytes, byte[]>>as(node, Serdes.Long())).mapValues(String::valueOf);
                Materialized<String, String, SessionStore<Bytes, byte[]>> store = as(node, TEXT);
                if (how.equals("reduce")) return sessions.reduce((a, b) -> cap(a + "," + b), store);
                return sessions.aggregate(() -> "", (k, v, a) -> added(f, v, a), (k, a, b) -> cap(a + "&" + b), store);
            }
            TimeWindowedKStream<String, String> windowed;
            if (given.has("difference")) {
                windowed = grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(ms(given, "difference"), grace));
            } else {
                TimeWindows windows = TimeWindows.ofSizeAndGrace(ms(given, "size"), grace);
                if (given.has("advance")) windows = windows.advanceBy(ms(given, "advance"));
                windowed = grouped.windowedBy(windows);
            }
            windowed = windowed.emitStrategy(emit);
            if (how.equals("count")) return windowed.count(StreamsOracle.Nodes.<Long, WindowStore<Bytes, byte[]>>as(node, Serdes.Long())).mapValues(String::valueOf);
            Materialized<String, String, WindowStore<Bytes, byte[]>> store = as(node, TEXT);
            if (how.equals("reduce")) return windowed.reduce((a, b) -> cap(a + "," + b), store);
            return windowed.aggregate(() -> "", (k, v, a) -> added(f, v, a), store);
        }

        Object tableGroup(JsonNode node, int f) {
            KGroupedTable<String, String> grouped = table(node, 0).groupBy((k, v) -> KeyValue.pair(rekeyed(f, k, v), v));
            String how = node.get("how").asText();
            if (how.equals("count")) return grouped.count(StreamsOracle.Nodes.<Long, KeyValueStore<Bytes, byte[]>>as(node, Serdes.Long())).mapValues(String::valueOf);
            Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = as(node, TEXT);
            if (how.equals("reduce")) return grouped.reduce((a, v) -> cap(a + "," + v), (a, v) -> cap(a + "-" + v), store);
            return grouped.aggregate(() -> "", (k, v, a) -> cap(a + v + ";"), (k, v, a) -> cap(a + "!" + v), store);
        }

        Object tableJoin(JsonNode node) {
            KTable<String, String> left = table(node, 0);
            KTable<String, String> right = table(node, 1);
            String how = node.get("how").asText();
            if (!node.hasNonNull("store")) {
                if (how.equals("inner")) return left.join(right, StreamsOracle::joined);
                if (how.equals("left")) return left.leftJoin(right, StreamsOracle::joined);
                return left.outerJoin(right, StreamsOracle::joined);
            }
            Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = as(node, TEXT);
            if (how.equals("inner")) return left.join(right, StreamsOracle::joined, store);
            if (how.equals("left")) return left.leftJoin(right, StreamsOracle::joined, store);
            return left.outerJoin(right, StreamsOracle::joined, store);
        }
    }
}
