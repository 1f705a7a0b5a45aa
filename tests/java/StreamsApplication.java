import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;

/**
 * Runs topologies of the oracle's kind (see StreamsOracle.java and tests/support/topology_json.py) as real applications.
 * Each line of the input is a JSON object with "do": "start" (with "application", "bootstrap", "folder", "nodes" and
 * "settings"), "state" or "close" (with "application" and "bootstrap"); the answer is a line too, with "error" if it went wrong.
 */
public class StreamsApplication {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, KafkaStreams> RUNNING = new ConcurrentHashMap<>();
    static final Map<String, Throwable> FAILED = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                answer(JSON.readTree(line), answer);
            } catch (Throwable error) {
                error.printStackTrace();
                answer.put("error", shown(error));
            }
            out.println(JSON.writeValueAsString(answer));
        }
        System.exit(0);
    }

    static String shown(Throwable error) {
        Throwable root = error;
        while (root.getCause() != null) root = root.getCause();
        return root.toString();
    }

    static void answer(JsonNode asked, ObjectNode answer) throws Exception {
        String application = asked.get("application").asText() + " on " + asked.get("bootstrap").asText();
        switch (asked.get("do").asText()) {
            case "start":
                RUNNING.put(application, start(application, asked));
                break;
            case "state": {
                KafkaStreams streams = RUNNING.get(application);
                answer.put("state", streams == null ? "NONE" : streams.state().name());
                if (FAILED.containsKey(application)) answer.put("failed", shown(FAILED.get(application)));
                break;
            }
            case "close": {
                KafkaStreams streams = RUNNING.get(application);
                new Thread(() -> streams.close(CloseOptions
                    .groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                    .withTimeout(Duration.ofSeconds(30)))).start();
                break;
            }
            default:
                throw new IllegalArgumentException("nothing to do: " + asked);
        }
    }

    static KafkaStreams start(String application, JsonNode asked) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, asked.get("application").asText());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, asked.get("bootstrap").asText());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, asked.get("folder").asText());
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 20);
        settings.put(StreamsConfig.POLL_MS_CONFIG, 5);
        settings.put(StreamsConfig.producerPrefix("linger.ms"), 0);
        settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L);
        settings.put("__emit.interval.ms.kstreams.windowed.aggregation__", 0L);
        asked.path("settings").fields().forEachRemaining(each -> settings.put(each.getKey(), each.getValue().asText()));
        StreamsBuilder builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(settings)));
        new StreamsOracle.Nodes(builder, asked.get("nodes"), new ArrayList<>()).build();
        Topology topology = builder.build(settings);
        KafkaStreams streams = new KafkaStreams(topology, settings);
        FAILED.remove(application);
        streams.setUncaughtExceptionHandler(error -> {
            FAILED.put(application, error);
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        return streams;
    }
}
