import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.Window;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.kstream.internals.TimeWindow;

/**
 * Kafka's own serdes: each line of the input is [kind, value, hex]; the answer is a line [hex of the value, the value read
 * from the given hex].
 */
public class SerdeBytes {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int SIZE = 10;

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, "UTF-8");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode asked = JSON.readTree(line);
            ArrayNode answer = JSON.createArrayNode();
            answer(asked.get(0).asText(), asked.get(1), HexFormat.of().parseHex(asked.get(2).asText()), answer);
            out.println(JSON.writeValueAsString(answer));
        }
    }

    static void answer(String kind, JsonNode value, byte[] theirs, ArrayNode answer) {
        switch (kind) {
            case "string": both(Serdes.String(), value.asText(), theirs, answer); break;
            case "long": both(Serdes.Long(), value.asLong(), theirs, answer); break;
            case "double": both(Serdes.Double(), value.asDouble(), theirs, answer); break;
            case "boolean": both(Serdes.Boolean(), value.asBoolean(), theirs, answer); break;
            case "uuid": both(Serdes.UUID(), UUID.fromString(value.asText()), theirs, answer); break;
            case "longs": {
                List<Long> list = new ArrayList<>();
                value.forEach(entry -> list.add(entry.isNull() ? null : entry.asLong()));
                both(Serdes.ListSerde(ArrayList.class, Serdes.Long()), list, theirs, answer);
                break;
            }
            case "strings": {
                List<String> list = new ArrayList<>();
                value.forEach(entry -> list.add(entry.isNull() ? null : entry.asText()));
                both(Serdes.ListSerde(ArrayList.class, Serdes.String()), list, theirs, answer);
                break;
            }
            case "time": {
                long start = value.get(1).asLong();
                windowed(WindowedSerdes.timeWindowedSerdeFrom(String.class, SIZE),
                    new Windowed<>(value.get(0).asText(), new TimeWindow(start, start + SIZE)), theirs, answer);
                break;
            }
            case "session":
                windowed(WindowedSerdes.sessionWindowedSerdeFrom(String.class),
                    new Windowed<>(value.get(0).asText(), new SessionWindow(value.get(1).asLong(), value.get(2).asLong())), theirs, answer);
                break;
            default: throw new IllegalArgumentException(kind);
        }
    }

    static <T> void both(Serde<T> serde, T value, byte[] theirs, ArrayNode answer) {
        answer.add(HexFormat.of().formatHex(serde.serializer().serialize("t", value)));
        answer.add(String.valueOf(serde.deserializer().deserialize("t", theirs)));
    }

    static void windowed(Serde<Windowed<String>> serde, Windowed<String> value, byte[] theirs, ArrayNode answer) {
        answer.add(HexFormat.of().formatHex(serde.serializer().serialize("t", value)));
        Windowed<String> read = serde.deserializer().deserialize("t", theirs);
        Window window = read.window();
        answer.add(read.key() + "@" + window.start() + "-" + window.end());
    }
}
