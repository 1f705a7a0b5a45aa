import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.processor.FailOnInvalidTimestamp;
import org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp;
import org.apache.kafka.streams.kstream.internals.TimeWindow;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.UsePartitionTimeOnInvalidTimestamp;
import org.apache.kafka.streams.processor.api.*;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.*;
import org.apache.kafka.streams.test.TestRecord;

/**
 * Answers topologies. Each line of the input is a JSON object with "nodes" (see tests/support/topology_json.py, which
 * builds the same topology with our DSL), "inputs", and "optimize"; stores are of RocksDB. The answer is a line with "described",
 * the topology as text, "steps", the records that each input caused (an error ends them), "stores", and "printed", or
 * with "error" when no topology came about.
 */
public class StreamsOracle {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Serde<String> TEXT = Serdes.String();
    static final String[] KEYS = {"a", "b", "c", "k", "x", "y"};
    static final int LAST_TIME = 60;

    /** Where there is such a folder, RocksDB needs no disk for its many small flushes. */
    static final Path IN_MEMORY = Path.of("/dev/shm");

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            Path folder = IN_MEMORY.toFile().canWrite() ? Files.createTempDirectory(IN_MEMORY, "oracle") : Files.createTempDirectory("oracle");
            try {
                answer(JSON.readTree(line), folder, answer);
            } catch (Throwable error) {
                answer.put("error", root(error));
            } finally {
                Utils.delete(folder.toFile());
            }
            out.println(JSON.writeValueAsString(answer));
        }
    }

    /** Goes on after errors of processing, and tells of those that are Kafka Streams' own. */
    public static class Continuing extends LogAndContinueProcessingExceptionHandler {
        static String bug;

        @Override public Response handleError(ErrorHandlerContext context, Record<?, ?> record, Exception error) {
            if (root(error).matches("java.lang.(NullPointer|ClassCast)Exception.*")) bug = root(error);
            return super.handleError(context, record, error);
        }
    }

    static String root(Throwable error) {
        Throwable root = error;
        while (root.getCause() != null) root = root.getCause();
        StackTraceElement[] trace = root.getStackTrace();
        return root + (trace.length > 0 ? " at " + trace[0] : "");
    }

    static void answer(JsonNode asked, Path folder, ObjectNode answer) throws IOException {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "oracle");
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "none:1");
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder.toString());
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, asked.path("cache").asBoolean() ? 10_000_000 : 0);
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
        settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
        settings.put("__enable.process.processValue.fix__", true); // KAFKA-19668: repartition behind processors
        if (asked.path("continue").asBoolean())
            settings.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, Continuing.class);
        if (asked.path("optimize").asBoolean()) settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(settings)));
        List<String> outputs = new ArrayList<>();
        Nodes nodes = new Nodes(builder, asked.get("nodes"), outputs);
        nodes.folder = folder;
        nodes.build();
        Topology topology = builder.build(settings);
        answer.put("described", topology.describe().toString());
        Continuing.bug = null;
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, settings, Instant.ofEpochMilli(0))) {
            ArrayNode steps = answer.putArray("steps");
            for (JsonNode given : asked.get("inputs")) {
                try {
                    give(driver, given);
                } catch (RuntimeException error) {
                    answer.put("failed", root(error));
                    break;
                }
                if (Continuing.bug != null) { // what comes of its own bugs is nobody's wish
                    answer.put("failed", Continuing.bug);
                    break;
                }
                ArrayNode step = steps.addArray();
                for (String topic : outputs) read(driver, topic, step);
                nodes.seen.forEach(step::add);
                nodes.seen.clear();
            }
            if (answer.has("failed")) return;
            ObjectNode stores = answer.putObject("stores");
            for (JsonNode node : asked.get("nodes"))
                if (node.hasNonNull("store")) content(driver, node, stores.putArray(node.get("store").asText()));
        }
        ObjectNode printed = answer.putObject("printed");
        for (Path file : nodes.printed) printed.put(file.getFileName().toString(), Files.readString(file));
    }

    static void give(TopologyTestDriver driver, JsonNode given) {
        if (given.has("advance")) {
            driver.advanceWallClockTime(Duration.ofMillis(given.get("advance").asLong()));
            return;
        }
        Headers headers = new RecordHeaders();
        for (JsonNode header : given.path("headers"))
            headers.add(header.get(0).asText(), header.get(1).asText().getBytes(StandardCharsets.UTF_8));
        driver.createInputTopic(given.get("topic").asText(), new StringSerializer(), new StringSerializer())
            .pipeInput(new TestRecord<>(text(given, "key"), text(given, "value"), headers, Instant.ofEpochMilli(given.get("ts").asLong())));
    }

    static void read(TopologyTestDriver driver, String topic, ArrayNode step) {
        TestOutputTopic<String, String> output = driver.createOutputTopic(topic, new StringDeserializer(), new StringDeserializer());
        while (!output.isEmpty()) {
            TestRecord<String, String> record = output.readRecord();
            ArrayNode row = step.addArray().add(topic).add(record.key()).add(record.value()).add(record.timestamp());
            if (record.headers().toArray().length > 0) {
                ArrayNode headers = row.addArray();
                for (Header header : record.headers())
                    headers.addArray().add(header.key()).add(new String(header.value(), StandardCharsets.UTF_8));
            }
        }
    }

    static void content(TopologyTestDriver driver, JsonNode node, ArrayNode rows) {
        String name = node.get("store").asText();
        switch (node.path("kind").asText("table")) {
            case "session":
                SessionStore<String, Object> sessions = driver.getSessionStore(name);
                for (var found : List.of(sessions.fetch(null, (String) null), sessions.backwardFetch("a", "k"),
                        sessions.findSessions("a", "k", 10, 40), sessions.backwardFindSessions("a", "b", 10, 40)))
                    try (found) {
                        found.forEachRemaining(row -> rows.addArray().add(row.key.key()).add(row.key.window().start())
                            .add(row.key.window().end()).add(String.valueOf(row.value)));
                    }
                break;
            case "window":
                WindowStore<String, ValueAndTimestamp<Object>> windows = driver.getTimestampedWindowStore(name);
                for (var found : List.of(windows.all(), windows.backwardAll(), windows.backwardFetch("a", "k", at(5), at(50)),
                        windows.backwardFetchAll(at(5), at(50))))
                    try (found) {
                        found.forEachRemaining(row -> rows.addArray().add(row.key.key()).add(row.key.window().start())
                            .add(String.valueOf(row.value.value())).add(row.value.timestamp()));
                    }
                break;
            case "versioned":
                VersionedKeyValueStore<String, Object> store = driver.getVersionedKeyValueStore(name);
                for (String key : KEYS)
                    for (int time = 0; time <= LAST_TIME; time += 4) {
                        VersionedRecord<Object> found = store.get(key, time);
                        if (found != null) rows.addArray().add(key).add(time).add(String.valueOf(found.value())).add(found.timestamp());
                    }
                break;
            case "plain":
                try (KeyValueIterator<String, Object> all = driver.<String, Object>getKeyValueStore(name).all()) {
                    all.forEachRemaining(row -> rows.addArray().add(row.key).add(String.valueOf(row.value)));
                }
                break;
            default:
                try (KeyValueIterator<String, ValueAndTimestamp<Object>> all = driver.<String, Object>getTimestampedKeyValueStore(name).all()) {
                    all.forEachRemaining(row -> rows.addArray().add(row.key).add(String.valueOf(row.value.value()))
                        .add(row.value.timestamp()));
                }
        }
    }

    static Instant at(long time) { return Instant.ofEpochMilli(time); }

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

    static String foreign(int which, String value) {
        if (which == 0) return value.isEmpty() ? null : value.substring(0, 1);
        if (which == 1) return value.length() % 2 == 0 ? "a" : "b";
        return value.length() % 3 == 0 ? null : KEYS[value.length() % 3];
    }

    static String joined(String left, String right) {
        check(left, right);
        return together(left, right);
    }

    static String together(String left, String right) { return cap(left + "+" + right); }

    static void check(String... texts) {
        for (String text : texts)
            if (text != null && text.contains("~")) throw new IllegalStateException("raised");
    }

    static String folded(String soFar, String sign, String value) {
        check(soFar, value);
        return cap(soFar + sign + value);
    }

    static String joinedWithKey(String key, String left, String right) { return cap(key + ":" + left + "+" + right); }

    static StreamPartitioner<String, Object> partitioner(int which) {
        return (topic, key, value, partitions) -> {
            if (which == 0) return Optional.of(Set.of((key == null ? 0 : key.length()) % partitions));
            if (value == null) return Optional.empty();
            Set<Integer> all = new TreeSet<>();
            for (int each = 0; each < partitions; each++) all.add(each);
            return Optional.of(((String) value).length() % 2 == 0 ? all : Set.of());
        };
    }

    static String added(int which, String value, String aggregate) {
        check(value);
        return which == 1 && aggregate.length() > 6 ? null : cap(aggregate + value + ";");
    }

    // -- processors: the same as in oracle_processors.py --

    static class Remembering implements Processor<String, String, String, String> {
        final String name;
        final int f;
        ProcessorContext<String, String> context;
        KeyValueStore<String, String> store;

        Remembering(String name, int f) { this.name = name; this.f = f; }

        @Override public void init(ProcessorContext<String, String> context) {
            this.context = context;
            store = context.getStateStore(name);
        }

        @Override public void process(Record<String, String> record) {
            if (record.key() == null) {
                context.forward(record);
                return;
            }
            String before = store.get(record.key());
            store.put(record.key(), record.value());
            if (f == 0) {
                if (before == null || !before.equals(record.value())) context.forward(record.withValue(joined(before, record.value())));
            } else if (f == 1) {
                context.forward(record.withKey(rekeyed(0, record.key(), record.value())).withTimestamp(record.timestamp() + 1));
                context.forward(record.withValue(before));
            } else {
                Headers headers = new RecordHeaders(record.headers()).add("f", "2".getBytes(StandardCharsets.UTF_8));
                context.forward(record.withValue(context.currentStreamTimeMs() + "@" + record.value()).withHeaders(headers));
                if (record.value() == null) store.delete(record.key());
            }
        }
    }

    static class RememberingValues implements FixedKeyProcessor<String, String, String> {
        final String name;
        final int f;
        FixedKeyProcessorContext<String, String> context;
        KeyValueStore<String, String> store;

        RememberingValues(String name, int f) { this.name = name; this.f = f; }

        @Override public void init(FixedKeyProcessorContext<String, String> context) {
            this.context = context;
            store = context.getStateStore(name);
        }

        @Override public void process(FixedKeyRecord<String, String> record) {
            if (record.key() == null) {
                context.forward(record.withValue("none"));
                return;
            }
            String before = store.get(record.key());
            store.put(record.key(), record.value());
            context.forward(record.withValue(joined(before, record.value())));
            if (f == 1) context.forward(record.withValue(record.value()).withTimestamp(record.timestamp() + 2));
            if (f == 2) context.forward(record.withValue(context.recordMetadata().map(it -> it.topic() + "-" + it.offset()).orElse("none")));
        }
    }

    static class Ticking implements Processor<String, String, String, String> {
        final String name;
        final PunctuationType clock;
        final Duration every;
        ProcessorContext<String, String> context;
        KeyValueStore<String, String> store;

        final Instant start;

        Ticking(String name, PunctuationType clock, Duration every, Instant start) {
            this.name = name;
            this.clock = clock;
            this.every = every;
            this.start = start;
        }

        @Override public void init(ProcessorContext<String, String> context) {
            this.context = context;
            store = context.getStateStore(name);
            if (start == null) context.schedule(every, clock, this::punctuate);
            else context.schedule(start, every, clock, this::punctuate);
        }

        @Override public void process(Record<String, String> record) {
            if (record.key() == null) context.forward(record);
            else store.put(record.key(), record.value());
        }

        void punctuate(long timestamp) {
            context.forward(new Record<>("tick", String.valueOf(timestamp), timestamp));
            try (KeyValueIterator<String, String> all = store.all()) {
                while (all.hasNext()) {
                    KeyValue<String, String> row = all.next();
                    context.forward(new Record<>(row.key, row.value, timestamp));
                    store.delete(row.key);
                }
            }
        }
    }

    static class Putting implements Processor<String, String, Void, Void> {
        final String name;
        KeyValueStore<String, String> store;

        Putting(String name) { this.name = name; }

        @Override public void init(ProcessorContext<Void, Void> context) { store = context.getStateStore(name); }

        @Override public void process(Record<String, String> record) {
            if (record.key() != null && record.value() != null) store.put(record.value(), record.key());
        }
    }

    static class Routing implements Processor<String, String, String, String> {
        final String[] children;
        ProcessorContext<String, String> context;

        Routing(String... children) { this.children = children; }

        @Override public void init(ProcessorContext<String, String> context) { this.context = context; }

        @Override public void process(Record<String, String> record) {
            if (record.value() == null) context.forward(record);
            else context.forward(record, children[record.value().length() % 2]);
        }
    }

    static class RoutingValues implements FixedKeyProcessor<String, String, String> {
        final String[] children;
        FixedKeyProcessorContext<String, String> context;

        RoutingValues(String... children) { this.children = children; }

        @Override public void init(FixedKeyProcessorContext<String, String> context) { this.context = context; }

        @Override public void process(FixedKeyRecord<String, String> record) {
            if (record.value() == null) context.forward(record);
            else context.forward(record.withTimestamp(record.timestamp() + 1), children[record.value().length() % 2]);
        }
    }

    /** Windows of somebody's own, with 0 as the least start; each names the longest of its lengths as the size. */
    abstract static class Own extends Windows<TimeWindow> {
        final long size;
        final long grace;

        Own(long size, long grace) {
            this.size = size;
            this.grace = grace;
        }

        @Override public long size() { return size; }

        @Override public long gracePeriodMs() { return grace; }
    }

    /** The calendar days of a time zone. */
    static class Days extends Own {
        final ZoneId zone;

        Days(ZoneId zone, long grace) {
            super(Duration.ofHours(25).toMillis(), grace);
            this.zone = zone;
        }

        @Override public Map<Long, TimeWindow> windowsFor(long timestamp) {
            LocalDate day = Instant.ofEpochMilli(timestamp).atZone(zone).toLocalDate();
            long start = Math.max(0, day.atStartOfDay(zone).toInstant().toEpochMilli());
            return Map.of(start, new TimeWindow(start, day.plusDays(1).atStartOfDay(zone).toInstant().toEpochMilli()));
        }
    }

    /** Every 50 ms: window number n from 10 * n on, as long as the n-th of the lengths; those that start last come first. */
    static class Unequal extends Own {
        final List<Long> lengths = new ArrayList<>();

        Unequal(JsonNode lengths, long grace) {
            super(longest(lengths), grace);
            for (JsonNode length : lengths) this.lengths.add(length.asLong());
        }

        static long longest(JsonNode lengths) {
            long longest = 0;
            for (JsonNode length : lengths) longest = Math.max(longest, length.asLong());
            return longest;
        }

        @Override public Map<Long, TimeWindow> windowsFor(long timestamp) {
            long turn = timestamp - timestamp % 50;
            Map<Long, TimeWindow> found = new LinkedHashMap<>();
            for (int number = lengths.size() - 1; number >= 0; number--) {
                long start = turn + 10 * number;
                if (start <= timestamp && timestamp < start + lengths.get(number))
                    found.put(start, new TimeWindow(start, start + lengths.get(number)));
            }
            return found;
        }
    }

    static class Linked implements Processor<Object, String, String, String> {
        @Override public void process(Record<Object, String> record) { }
    }

    static class Transforming implements ValueTransformerWithKey<String, String, String> {
        final String name;
        final int f;
        KeyValueStore<String, String> store;

        Transforming(String name, int f) { this.name = name; this.f = f; }

        @SuppressWarnings("unchecked")
        @Override public void init(org.apache.kafka.streams.processor.ProcessorContext context) {
            store = name == null ? null : (KeyValueStore<String, String>) context.getStateStore(name);
        }

        @Override public String transform(String key, String value) {
            if (store == null) return changed(f, value);
            String calls = store.get(key);
            String next = calls == null ? "1" : String.valueOf(Integer.parseInt(calls) + 1);
            store.put(key, next);
            return value == null ? null : cap(value + "#" + next);
        }

        @Override public void close() {}
    }

    /** Builds the nodes in order; each refers to earlier ones by their index. */
    @SuppressWarnings("unchecked")
    static class Nodes {
        final StreamsBuilder builder;
        final JsonNode nodes;
        final List<String> outputs;
        boolean linked = false;
        final List<Object> built = new ArrayList<>();

        /** What the nodes for_each saw since the last step. */
        final List<ArrayNode> seen = new ArrayList<>();

        /** Where the nodes print write to; null: standard output. */
        Path folder;
        final List<Path> printed = new ArrayList<>();

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

        KTable<Windowed<String>, String> windowed(JsonNode node) {
            return (KTable<Windowed<String>, String>) built.get(node.get("of").get(0).asInt());
        }

        static Duration ms(JsonNode node, String field) { return Duration.ofMillis(node.get(field).asLong()); }

        static boolean stored(JsonNode node) { return node.hasNonNull("store"); }

        /** Whether anything is said of the store: Kafka Streams counts on for generated names then. */
        static boolean said(JsonNode node) { return stored(node) || node.has("retention"); }

        static <V, S extends StateStore> Materialized<String, V, S> as(JsonNode node, Serde<V> serde) {
            Materialized<String, V, S> with;
            if (node.has("history")) with = (Materialized<String, V, S>) Materialized.<String, V>as(
                Stores.persistentVersionedKeyValueStore(node.get("store").asText(), ms(node, "history")));
            else if (stored(node)) with = Materialized.as(node.get("store").asText());
            else with = Materialized.with(TEXT, serde);
            if (node.has("retention")) with = with.withRetention(ms(node, "retention"));
            return with.withKeySerde(TEXT).withValueSerde(serde);
        }

        static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> table(JsonNode node, Serde<V> serde) {
            return as(node, serde);
        }

        Consumed<String, String> consumed(JsonNode node) {
            Consumed<String, String> with = Consumed.with(TEXT, TEXT);
            switch (node.path("extractor").asText()) {
                case "partition": return with.withTimestampExtractor(new UsePartitionTimeOnInvalidTimestamp());
                case "skip": return with.withTimestampExtractor(new LogAndSkipOnInvalidTimestamp());
                case "fail": return with.withTimestampExtractor(new FailOnInvalidTimestamp());
                case "beyond": return with.withTimestampExtractor((record, partitionTime) -> record.value() == null
                    ? -1 : Math.max(record.timestamp(), partitionTime) + ((String) record.value()).length());
                default:
            }
            if (!node.has("earlier")) return with;
            long earlier = node.get("earlier").asLong();
            return with.withTimestampExtractor((record, partitionTime) -> record.timestamp() - earlier);
        }

        String addStore(JsonNode node, String field) {
            String name = node.get(field).asText();
            builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), TEXT, TEXT));
            return name;
        }

        Object make(JsonNode node) {
            int f = node.path("f").asInt(0);
            switch (node.get("op").asText()) {
                case "stream": {
                    List<String> topics = new ArrayList<>(List.of(node.get("topic").asText()));
                    for (JsonNode more : node.path("more")) topics.add(more.asText());
                    return builder.stream(topics, consumed(node));
                }
                case "table": return stored(node)
                    ? builder.table(node.get("topic").asText(), consumed(node), table(node, TEXT))
                    : builder.table(node.get("topic").asText(), consumed(node));
                case "global": return stored(node)
                    ? builder.globalTable(node.get("topic").asText(), consumed(node), table(node, TEXT))
                    : builder.globalTable(node.get("topic").asText(), consumed(node));
                case "global_store": {
                    String name = node.get("store").asText();
                    builder.addGlobalStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), TEXT, TEXT),
                        node.get("topic").asText(), consumed(node), () -> new Putting(name));
                    return null;
                }
                case "filter": return stream(node, 0).filter((k, v) -> kept(f, k, v));
                case "filter_not": return stream(node, 0).filterNot((k, v) -> kept(f, k, v));
                case "map_values": return stream(node, 0).mapValues(v -> changed(f, v));
                case "map_values_with_key": return stream(node, 0).mapValues((k, v) -> cap(k + changed(f, v)));
                case "map": return stream(node, 0).map((k, v) -> KeyValue.pair(rekeyed(f, k, v), changed(1, v)));
                case "select_key": return stream(node, 0).selectKey((k, v) -> rekeyed(f, k, v));
                case "flat_map_values": return stream(node, 0).flatMapValues(v -> v == null ? List.<String>of() : List.of(v, cap(v + "2")));
                case "flat_map_values_with_key": return stream(node, 0).flatMapValues((k, v) -> v == null ? List.<String>of() : List.of(cap(k + v), v));
                case "flat_map": return stream(node, 0).flatMap((k, v) -> v == null
                    ? List.<KeyValue<String, String>>of() : List.of(KeyValue.pair(rekeyed(f, k, v), v), KeyValue.pair(k, cap(v + "2"))));
                case "raise": return stream(node, 0).mapValues(v -> {
                    if (v != null && v.contains(node.get("at").asText())) throw new IllegalStateException("raised");
                    return v;
                });
                case "peek": return stream(node, 0).peek((k, v) -> { });
                case "for_each": {
                    String name = "seen" + built.size();
                    stream(node, 0).foreach((k, v) -> seen.add(JSON.createArrayNode().add(name).add(k).add(v)));
                    return null;
                }
                case "print": return print(node, f);
                case "merge": return stream(node, 0).merge(stream(node, 1));
                case "split": return split(node, f);
                case "repartition": return node.has("partitioner")
                    ? stream(node, 0).repartition(Repartitioned.with(TEXT, TEXT).withStreamPartitioner(partitioner(node)))
                    : stream(node, 0).repartition();
                case "to_table": return stored(node) ? stream(node, 0).toTable(table(node, TEXT)) : stream(node, 0).toTable();
                case "aggregate": return aggregate(node, f);
                case "cogroup": return cogroup(node, f);
                case "table_filter": return stored(node)
                    ? table(node, 0).filter((k, v) -> kept(f, k, v), table(node, TEXT)) : table(node, 0).filter((k, v) -> kept(f, k, v));
                case "table_filter_not": return stored(node)
                    ? table(node, 0).filterNot((k, v) -> kept(f, k, v), table(node, TEXT)) : table(node, 0).filterNot((k, v) -> kept(f, k, v));
                case "table_map_values": {
                    ValueMapperWithKey<String, String, String> change = (k, v) -> keyed(node) ? cap(k + changed(f, v)) : changed(f, v);
                    return stored(node) ? table(node, 0).mapValues(change, table(node, TEXT)) : table(node, 0).mapValues(change);
                }
                case "table_transform_values": {
                    String[] uses = node.hasNonNull("uses") ? new String[] {addStore(node, "uses")} : new String[0];
                    String used = text(node, "uses");
                    return stored(node)
                        ? table(node, 0).transformValues(() -> new Transforming(used, f), table(node, TEXT), uses)
                        : table(node, 0).transformValues(() -> new Transforming(used, f), uses);
                }
                case "windowed_filter": return windowed(node).filter((k, v) -> kept(f, k.key(), v));
                case "windowed_map_values": return windowed(node).mapValues(v -> changed(f, v));
                case "to_stream": return node.has("by")
                    ? table(node, 0).toStream((k, v) -> rekeyed(node.get("by").asInt(), k, v)) : table(node, 0).toStream();
                case "windowed_to_stream": return f == 1 ? windowed(node).toStream((k, v) -> k.key())
                    : windowed(node).toStream((k, v) -> k.key() + "@" + k.window().start() + "-" + k.window().end());
                case "table_group": return tableGroup(node, f);
                case "table_join": return tableJoin(node);
                case "fk_join": return foreignJoin(node, f);
                case "stream_table_join": {
                    Joined<String, String, String> with = Joined.with(TEXT, TEXT, TEXT);
                    if (node.has("grace")) with = with.withGracePeriod(ms(node, "grace"));
                    ValueJoinerWithKey<String, String, String, String> joiner = joiner(node);
                    if (node.get("how").asText().equals("left")) return stream(node, 0).leftJoin(table(node, 1), joiner, with);
                    return stream(node, 0).join(table(node, 1), joiner, with);
                }
                case "global_join": {
                    GlobalKTable<String, String> rows = (GlobalKTable<String, String>) built.get(node.get("of").get(1).asInt());
                    ValueJoinerWithKey<String, String, String, String> joiner = joiner(node);
                    if (node.get("how").asText().equals("left"))
                        return stream(node, 0).leftJoin(rows, (k, v) -> rekeyed(f, k, v), joiner);
                    return stream(node, 0).join(rows, (k, v) -> rekeyed(f, k, v), joiner);
                }
                case "stream_join": {
                    JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(1000), ms(node, "grace"))
                        .before(ms(node, "before")).after(ms(node, "after"));
                    StreamJoined<String, String, String> with = StreamJoined.with(TEXT, TEXT, TEXT);
                    if (node.has("base")) with = with.withStoreName(node.get("base").asText());
                    if (node.path("unlogged").asBoolean()) with = with.withLoggingDisabled();
                    if (node.has("this")) with = with.withThisStoreSupplier(joinStore(node, "this", windows));
                    if (node.has("other")) with = with.withOtherStoreSupplier(joinStore(node, "other", windows));
                    ValueJoinerWithKey<String, String, String, String> joiner = joiner(node);
                    switch (node.get("how").asText()) {
                        case "inner": return stream(node, 0).join(stream(node, 1), joiner, windows, with);
                        case "left": return stream(node, 0).leftJoin(stream(node, 1), joiner, windows, with);
                        default: return stream(node, 0).outerJoin(stream(node, 1), joiner, windows, with);
                    }
                }
                case "suppress": return suppress(node);
                case "suppress_close": {
                    Suppressed.StrictBufferConfig bounds = node.has("records")
                        ? Suppressed.BufferConfig.maxRecords(node.get("records").asLong()).shutDownWhenFull() : Suppressed.BufferConfig.unbounded();
                    return windowed(node).suppress(Suppressed.untilWindowCloses(bounds));
                }
                case "process": {
                    String name = addStore(node, "store");
                    return stream(node, 0).process(() -> new Remembering(name, f), name);
                }
                case "process_values": {
                    String name = addStore(node, "store");
                    return stream(node, 0).processValues(() -> new RememberingValues(name, f), name);
                }
                case "route": {
                    String[] names = {"one" + built.size(), "two" + built.size()};
                    KStream<String, String> routed = f == 0
                        ? stream(node, 0).process(() -> new Routing(names)) : stream(node, 0).processValues(() -> new RoutingValues(names));
                    KStream<String, String> one = routed.mapValues(v -> changed(0, v), Named.as(names[0]));
                    KStream<String, String> two = routed.mapValues(v -> changed(1, v), Named.as(names[1]));
                    return node.get("take").asInt() == 0 ? one : two;
                }
                case "punctuate": {
                    String name = addStore(node, "store");
                    PunctuationType clock = node.get("clock").asText().equals("wall") ? PunctuationType.WALL_CLOCK_TIME : PunctuationType.STREAM_TIME;
                    Instant start = node.has("start") ? Instant.ofEpochMilli(node.get("start").asLong()) : null;
                    return stream(node, 0).process(() -> new Ticking(name, clock, ms(node, "every"), start), name);
                }
                case "link": {
                    if (!linked) builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("linked"), TEXT, TEXT));
                    linked = true;
                    Object linking = built.get(node.get("of").get(0).asInt());
                    KStream<Object, String> records = linking instanceof KStream
                        ? (KStream<Object, String>) linking : ((KTable<Object, String>) linking).toStream();
                    records.process(() -> new Linked(), "linked");
                    return null;
                }
                case "to": {
                    String topic = node.get("topic").asText();
                    Produced<String, String> with = Produced.with(TEXT, TEXT);
                    if (node.has("partitioner")) with = with.withStreamPartitioner(partitioner(node));
                    if (!node.path("dynamic").asBoolean()) {
                        stream(node, 0).to(topic, with);
                        outputs.add(topic);
                        return null;
                    }
                    stream(node, 0).to((k, v, context) -> topic + "-" + (v == null ? 0 : v.length() % 2), with);
                    outputs.add(topic + "-0");
                    outputs.add(topic + "-1");
                    return null;
                }
                default: throw new IllegalArgumentException("no operation " + node.get("op"));
            }
        }

        /** Whether the node's function takes the key too. */
        static boolean keyed(JsonNode node) { return node.path("keyed").asBoolean(); }

        static ValueJoinerWithKey<String, String, String, String> joiner(JsonNode node) {
            if (keyed(node)) return StreamsOracle::joinedWithKey;
            String op = node.get("op").asText();
            boolean waits = op.equals("stream_join") ? !node.get("how").asText().equals("inner")
                : op.equals("stream_table_join") && node.has("grace");
            return waits ? (k, left, right) -> together(left, right) : (k, left, right) -> joined(left, right);
        }

        static <K, V> StreamPartitioner<K, V> partitioner(JsonNode node) {
            return (StreamPartitioner<K, V>) StreamsOracle.partitioner(node.get("partitioner").asInt());
        }

        Object print(JsonNode node, int f) {
            Path file = folder == null ? null : folder.resolve("printed" + built.size());
            Printed<String, String> with = file == null ? Printed.toSysOut() : Printed.toFile(file.toString());
            if (file != null) printed.add(file);
            if (f >= 1) with = with.withLabel("label");
            if (f == 2) with = with.withKeyValueMapper(StreamsOracle::joined);
            stream(node, 0).print(with);
            return null;
        }

        static WindowBytesStoreSupplier joinStore(JsonNode node, String side, JoinWindows windows) {
            Duration retention = Duration.ofMillis(windows.size() + windows.gracePeriodMs());
            Duration size = Duration.ofMillis(windows.size());
            String name = node.get(side).asText();
            return name.endsWith("memory") ? Stores.inMemoryWindowStore(name, retention, size, true)
                : Stores.persistentWindowStore(name, retention, size, true);
        }

        Object split(JsonNode node, int f) {
            Map<String, KStream<String, String>> branches = stream(node, 0).split(Named.as("split" + built.size() + "-"))
                .branch((k, v) -> kept(f, k, v), Branched.as("one"))
                .branch((k, v) -> k != null, Branched.as("two"))
                .defaultBranch(Branched.as("rest"));
            String name = "split" + built.size() + "-";
            if (node.get("take").asInt() == 0) return branches.get(name + "one");
            if (node.get("take").asInt() == 1) return branches.get(name + "two");
            return branches.get(name + "rest").merge(branches.get(name + "one"));
        }

        KGroupedStream<String, String> grouped(JsonNode node, int place, JsonNode by, Grouped<String, String> as) {
            if (by == null || by.isNull()) return stream(node, place).groupByKey(as);
            return stream(node, place).groupBy((k, v) -> rekeyed(by.asInt(), k, v), as);
        }

        Grouped<String, String> cogrouped(int place) { return Grouped.with("cogroup" + built.size() + "-" + place, TEXT, TEXT); }

        static SessionWindows sessions(JsonNode given) {
            return SessionWindows.ofInactivityGapAndGrace(ms(given, "gap"), ms(given, "grace"));
        }

        static SlidingWindows sliding(JsonNode given) {
            return SlidingWindows.ofTimeDifferenceAndGrace(ms(given, "difference"), ms(given, "grace"));
        }

        static Windows<? extends Window> windows(JsonNode given) {
            if (given.has("zone")) return new Days(ZoneId.of(given.get("zone").asText()), given.get("grace").asLong());
            if (given.has("lengths")) return new Unequal(given.get("lengths"), given.get("grace").asLong());
            if (given.has("from")) return UnlimitedWindows.of().startOn(Instant.ofEpochMilli(given.get("from").asLong()));
            TimeWindows windows = TimeWindows.ofSizeAndGrace(ms(given, "size"), ms(given, "grace"));
            return given.has("advance") ? windows.advanceBy(ms(given, "advance")) : windows;
        }

        Object aggregate(JsonNode node, int f) {
            KGroupedStream<String, String> grouped = grouped(node, 0, node.get("by"), Grouped.with(TEXT, TEXT));
            String how = node.get("how").asText();
            Reducer<String> reducer = (a, b) -> folded(a, ",", b);
            Initializer<String> empty = () -> "";
            Aggregator<String, String, String> adder = (k, v, a) -> added(f, v, a);
            if (!node.hasNonNull("windows")) {
                if (how.equals("count"))
                    return (said(node) ? grouped.count(table(node, Serdes.Long())) : grouped.count()).mapValues(String::valueOf);
                if (how.equals("reduce")) return said(node) ? grouped.reduce(reducer, table(node, TEXT)) : grouped.reduce(reducer);
                return said(node) ? grouped.aggregate(empty, adder, table(node, TEXT)) : grouped.aggregate(empty, adder);
            }
            JsonNode given = node.get("windows");
            EmitStrategy emit = node.path("on_close").asBoolean() ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
            if (given.has("gap")) {
                SessionWindowedKStream<String, String> sessions = grouped.windowedBy(sessions(given)).emitStrategy(emit);
                if (how.equals("count"))
                    return (said(node) ? sessions.count(Nodes.<Long, SessionStore<Bytes, byte[]>>as(node, Serdes.Long())) : sessions.count())
                        .mapValues(String::valueOf);
                Materialized<String, String, SessionStore<Bytes, byte[]>> store = as(node, TEXT);
                if (how.equals("reduce")) return said(node) ? sessions.reduce(reducer, store) : sessions.reduce(reducer);
                return said(node) ? sessions.aggregate(empty, adder, (k, a, b) -> cap(a + "&" + b), store)
                    : sessions.aggregate(empty, adder, (k, a, b) -> cap(a + "&" + b));
            }
            TimeWindowedKStream<String, String> windowed = given.has("difference")
                ? grouped.windowedBy(sliding(given)) : grouped.windowedBy(windows(given));
            windowed = windowed.emitStrategy(emit);
            if (how.equals("count"))
                return (said(node) ? windowed.count(Nodes.<Long, WindowStore<Bytes, byte[]>>as(node, Serdes.Long())) : windowed.count())
                    .mapValues(String::valueOf);
            Materialized<String, String, WindowStore<Bytes, byte[]>> store = as(node, TEXT);
            if (how.equals("reduce")) return said(node) ? windowed.reduce(reducer, store) : windowed.reduce(reducer);
            return said(node) ? windowed.aggregate(empty, adder, store) : windowed.aggregate(empty, adder);
        }

        Object cogroup(JsonNode node, int f) {
            CogroupedKStream<String, String> cogrouped = grouped(node, 0, node.get("by").get(0), cogrouped(0)).cogroup((k, v, a) -> added(f, v, a));
            for (int place = 1; place < node.get("of").size(); place++)
                cogrouped = cogrouped.cogroup(grouped(node, place, node.get("by").get(place), cogrouped(place)), (k, v, a) -> folded(a, "/", v));
            Initializer<String> empty = () -> "";
            if (!node.hasNonNull("windows")) return said(node) ? cogrouped.aggregate(empty, table(node, TEXT)) : cogrouped.aggregate(empty);
            JsonNode given = node.get("windows");
            if (given.has("gap")) {
                SessionWindowedCogroupedKStream<String, String> sessions = cogrouped.windowedBy(sessions(given));
                Merger<String, String> merger = (k, a, b) -> cap(a + "&" + b);
                return said(node) ? sessions.aggregate(empty, merger, Nodes.<String, SessionStore<Bytes, byte[]>>as(node, TEXT))
                    : sessions.aggregate(empty, merger);
            }
            TimeWindowedCogroupedKStream<String, String> windowed = given.has("difference")
                ? cogrouped.windowedBy(sliding(given)) : cogrouped.windowedBy(windows(given));
            return said(node) ? windowed.aggregate(empty, Nodes.<String, WindowStore<Bytes, byte[]>>as(node, TEXT)) : windowed.aggregate(empty);
        }

        Object tableGroup(JsonNode node, int f) {
            KGroupedTable<String, String> grouped = table(node, 0).groupBy((k, v) -> KeyValue.pair(rekeyed(f, k, v), v));
            String how = node.get("how").asText();
            if (how.equals("count"))
                return (said(node) ? grouped.count(table(node, Serdes.Long())) : grouped.count()).mapValues(String::valueOf);
            if (how.equals("reduce")) {
                Reducer<String> adder = (a, v) -> folded(a, ",", v);
                Reducer<String> subtractor = (a, v) -> folded(a, "-", v);
                return said(node) ? grouped.reduce(adder, subtractor, table(node, TEXT)) : grouped.reduce(adder, subtractor);
            }
            Aggregator<String, String, String> adder = (k, v, a) -> added(0, v, a);
            Aggregator<String, String, String> subtractor = (k, v, a) -> folded(a, "!", v);
            return said(node) ? grouped.aggregate(() -> "", adder, subtractor, table(node, TEXT)) : grouped.aggregate(() -> "", adder, subtractor);
        }

        Object tableJoin(JsonNode node) {
            KTable<String, String> left = table(node, 0);
            KTable<String, String> right = table(node, 1);
            String how = node.get("how").asText();
            if (!stored(node)) {
                if (how.equals("inner")) return left.join(right, StreamsOracle::joined);
                if (how.equals("left")) return left.leftJoin(right, StreamsOracle::joined);
                return left.outerJoin(right, StreamsOracle::joined);
            }
            if (how.equals("inner")) return left.join(right, StreamsOracle::joined, table(node, TEXT));
            if (how.equals("left")) return left.leftJoin(right, StreamsOracle::joined, table(node, TEXT));
            return left.outerJoin(right, StreamsOracle::joined, table(node, TEXT));
        }

        Object foreignJoin(JsonNode node, int f) {
            KTable<String, String> left = table(node, 0);
            KTable<String, String> right = table(node, 1);
            ValueJoiner<String, String, String> joiner = StreamsOracle::joined;
            BiFunction<String, String, String> both = (key, value) -> keyed(node) && value.length() == 2 ? key : foreign(f, value);
            Function<String, String> key = value -> foreign(f, value);
            boolean inner = node.get("how").asText().equals("inner");
            if (node.has("partitioner")) {
                TableJoined<String, String> with = TableJoined.with(partitioner(node), partitioner(node));
                if (inner) return stored(node) ? left.join(right, both, joiner, with, table(node, TEXT)) : left.join(right, both, joiner, with);
                return stored(node) ? left.leftJoin(right, both, joiner, with, table(node, TEXT)) : left.leftJoin(right, both, joiner, with);
            }
            if (keyed(node) && inner) return stored(node) ? left.join(right, both, joiner, table(node, TEXT)) : left.join(right, both, joiner);
            if (keyed(node)) return stored(node) ? left.leftJoin(right, both, joiner, table(node, TEXT)) : left.leftJoin(right, both, joiner);
            if (inner) return stored(node) ? left.join(right, key, joiner, table(node, TEXT)) : left.join(right, key, joiner);
            return stored(node) ? left.leftJoin(right, key, joiner, table(node, TEXT)) : left.leftJoin(right, key, joiner);
        }

        Object suppress(JsonNode node) {
            boolean stop = node.path("full").asText().equals("stop");
            Suppressed.BufferConfig<?> bounds = Suppressed.BufferConfig.unbounded();
            if (node.has("records")) {
                Suppressed.EagerBufferConfig eager = Suppressed.BufferConfig.maxRecords(node.get("records").asLong());
                if (node.has("bytes")) eager = eager.withMaxBytes(node.get("bytes").asLong());
                bounds = stop ? eager.shutDownWhenFull() : eager.emitEarlyWhenFull();
            } else if (node.has("bytes")) {
                Suppressed.EagerBufferConfig eager = Suppressed.BufferConfig.maxBytes(node.get("bytes").asLong());
                bounds = stop ? eager.shutDownWhenFull() : eager.emitEarlyWhenFull();
            }
            return ((KTable<Object, String>) built.get(node.get("of").get(0).asInt()))
                .suppress(Suppressed.untilTimeLimit(ms(node, "limit"), bounds));
        }
    }
}
