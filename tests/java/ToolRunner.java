import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line tools one after the other in one JVM, since a JVM each would take most of the time.
 *
 * A line of JSON on standard input is a call, {"main": class, "arguments": [...], "stdin": text}; the answer is one on
 * standard output: {"code": exit code, "out": what it printed, "err": what it printed there}.
 */
public class ToolRunner {
    private static final ObjectMapper JSON = new ObjectMapper();
    // Scala's println keeps the stream that it found first: it has to stay the same one.
    private static final ByteArrayOutputStream OUT = new ByteArrayOutputStream();
    private static final ByteArrayOutputStream ERR = new ByteArrayOutputStream();

    // What a tool does when its JVM ends: the console producer sends what is left.
    private static final List<Runnable> HOOKS = new ArrayList<>();

    // With which code a tool wants to end first: some catch what is thrown then, and end once more.
    private static Integer code = null;

    /** Thrown instead of ending the JVM. */
    private static class Ended extends Error {
        Ended(int now) {
            super("exit code " + now, null, false, false);
            code = code == null ? now : code;
        }
    }

    public static void main(String[] none) throws Exception {
        PrintStream answers = System.out;
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setOut(new PrintStream(OUT, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(ERR, true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((now, message) -> {
            if (message != null) {
                System.err.println(message);
            }
            throw new Ended(now);
        });
        Exit.setHaltProcedure((now, message) -> {
            throw new Ended(now);
        });
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        for (String line; (line = calls.readLine()) != null; ) {
            JsonNode call = JSON.readTree(line);
            List<String> arguments = new ArrayList<>();
            call.get("arguments").forEach(each -> arguments.add(each.asText()));
            OUT.reset();
            ERR.reset();
            System.setIn(new ByteArrayInputStream(call.get("stdin").asText().getBytes(StandardCharsets.UTF_8)));
            HOOKS.clear();
            code = null;
            int ended = run(call.get("main").asText(), arguments.toArray(new String[0]));
            for (Runnable hook : HOOKS) {
                Thread ending = new Thread(hook);
                ending.start();
                ending.join(10_000);
            }
            ObjectNode answer = JSON.createObjectNode();
            answer.put("code", code == null ? ended : code);
            answer.put("out", OUT.toString(StandardCharsets.UTF_8));
            answer.put("err", ERR.toString(StandardCharsets.UTF_8));
            answers.println(JSON.writeValueAsString(answer));
            answers.flush();
        }
    }

    private static int run(String main, String[] arguments) throws Exception {
        try {
            Class.forName(main).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException error) {
            for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
                if (cause instanceof Ended) {
                    return code;
                }
            }
            error.getCause().printStackTrace();
            return 1;
        }
    }
}
