import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** The benchmarks' workloads on Kafka Streams: RocksDB, changelogs, every update emitted, one thread. */
public final class Workloads {
    private static final Serde<String> STRINGS = Serdes.String();
    private static final Serde<byte[]> BYTES = Serdes.ByteArray();
    private static final Serde<Long> LONGS = Serdes.Long();
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        String workload = args[0], bootstrap = args[1], appId = args[2];
        String left = args[3], right = args[4], sink = args[5], stateDir = args[6];
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, appId);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, stateDir);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put("auto.offset.reset", "earliest");
        StreamsBuilder builder = new StreamsBuilder();
        build(workload, builder, left, right, sink);
        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(20));
            stopped.countDown();
        }));
        streams.start();
        stopped.await();
    }

    private static void build(String workload, StreamsBuilder builder, String left, String right, String sink) {
        if (workload.equals("transform")) {
            builder.stream(left, Consumed.with(STRINGS, json()))
                .filter((user, click) -> click.get("ms").asInt() < 900)
                .mapValues(click -> JSON.createObjectNode()
                    .put("page", click.get("page").asText())
                    .put("s", click.get("ms").asInt() / 1000.0))
                .to(sink, Produced.with(STRINGS, json()));
            return;
        }
        KStream<String, byte[]> clicks = builder.stream(left, Consumed.with(STRINGS, BYTES));
        KGroupedStream<String, byte[]> grouped = clicks.groupByKey(Grouped.with(STRINGS, BYTES));
        switch (workload) {
            case "count" -> grouped
                .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts"))
                .toStream().to(sink, Produced.with(STRINGS, LONGS));
            case "windows" -> grouped
                .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts"))
                .toStream()
                .to(sink, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000), LONGS));
            case "suppress" -> grouped
                .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("counts")
                    .withKeySerde(STRINGS).withValueSerde(LONGS))
                .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName("last"))
                .toStream()
                .to(sink, Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, 60_000), LONGS));
            case "sessions" -> grouped
                .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(Duration.ofSeconds(5)))
                .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>as("counts"))
                .toStream()
                .to(sink, Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), LONGS));
            case "stream-join" -> clicks
                .join(builder.stream(right, Consumed.with(STRINGS, BYTES)), Workloads::both,
                    JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(5)),
                    StreamJoined.with(STRINGS, BYTES, BYTES))
                .to(sink, Produced.with(STRINGS, BYTES));
            case "table-join" -> {
                KTable<String, byte[]> users = builder.table(right, Consumed.with(STRINGS, BYTES),
                    Materialized.<String, byte[], KeyValueStore<Bytes, byte[]>>as("users"));
                clicks.leftJoin(users, Workloads::both, Joined.with(STRINGS, BYTES, BYTES))
                    .to(sink, Produced.with(STRINGS, BYTES));
            }
            default -> throw new IllegalArgumentException(workload);
        }
    }

    /** The first 40 bytes of each; nothing for a missing right side. */
    private static byte[] both(byte[] left, byte[] right) {
        byte[] joined = Arrays.copyOf(left, 40 + (right == null ? 0 : 40));
        if (right != null) {
            System.arraycopy(right, 0, joined, 40, 40);
        }
        return joined;
    }

    private static Serde<ObjectNode> json() {
        return Serdes.serdeFrom(
            (topic, node) -> {
                try {
                    return JSON.writeValueAsBytes(node);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            },
            (topic, bytes) -> {
                try {
                    return (ObjectNode) JSON.readTree(bytes);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
    }
}
