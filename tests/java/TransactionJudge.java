import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Judges a broker's transactions with Kafka's own Java clients and Kafka Streams: prints "name ok" or "name FAILED why".
 *
 * Argument: the bootstrap address. The broker should look for transactions that time out often.
 */
public class TransactionJudge {
    private static final long TIMEOUT_MS = 60_000;
    private final String bootstrap;
    private final Admin admin;
    private int names = 0;

    private interface Check {
        void run() throws Exception;
    }

    private TransactionJudge(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] arguments) {
        TransactionJudge judge = new TransactionJudge(arguments[0]);
        Map<String, Check> checks = new TreeMap<>();
        checks.put("commit_and_abort", judge::commitAndAbort);
        checks.put("new_epoch_each_transaction", judge::newEpochEachTransaction);
        checks.put("offsets", judge::offsets);
        checks.put("fencing", judge::fencing);
        checks.put("timeout", judge::timeout);
        checks.put("timeout_too_long", judge::timeoutTooLong);
        checks.put("describe", judge::describe);
        checks.put("abort_by_admin", judge::abortByAdmin);
        checks.put("fence_by_admin", judge::fenceByAdmin);
        checks.put("streams_exactly_once", judge::streamsExactlyOnce);
        checks.forEach((name, check) -> {
            try {
                check.run();
                System.out.println(name + " ok");
            } catch (Throwable error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                System.out.println(name + " FAILED " + cause + " at " + line(error));
            }
        });
        judge.admin.close(Duration.ZERO);
        System.exit(0);
    }

    private static String line(Throwable error) {
        for (StackTraceElement element : error.getStackTrace()) {
            if (element.getClassName().startsWith("TransactionJudge")) {
                return "line " + element.getLineNumber();
            }
        }
        return "?";
    }

    private void commitAndAbort() throws Exception {
        String topic = newTopic(2);
        try (KafkaProducer<String, String> producer = producer(topic, 60_000)) {
            producer.initTransactions();
            for (int i = 0; i < 20; i++) {
                producer.beginTransaction();
                for (int partition = 0; partition < 2; partition++) {
                    producer.send(new ProducerRecord<>(topic, partition, "k", i + "-" + partition));
                }
                if (i % 3 == 1) {
                    producer.flush();
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                }
            }
        }
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            if (i % 3 != 1) {
                wanted.add(i + "-0");
            }
        }
        equal(values(topic, 0, "read_committed", wanted.size()), wanted);
        equal(values(topic, 1, "read_uncommitted", 20).size(), 20);
    }

    private void newEpochEachTransaction() throws Exception {
        String topic = newTopic(1);
        try (KafkaProducer<String, String> producer = producer(topic, 60_000)) {
            producer.initTransactions();
            long first = -1;
            for (int i = 0; i < 3; i++) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, 0, "k", "v")).get();
                long epoch = describeProducers(topic).get(0).producerEpoch();
                first = first < 0 ? epoch : first;
                equal(epoch, first + i);
                producer.commitTransaction();
            }
        }
    }

    private void offsets() throws Exception {
        String topic = newTopic(1);
        String group = topic + "-group";
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = producer(topic, 60_000);
                KafkaConsumer<String, String> consumer = consumer("read_committed", group)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, "k", "v"));
            producer.commitTransaction();
            consumer.subscribe(List.of(topic));
            long deadline = System.currentTimeMillis() + TIMEOUT_MS;
            while (consumer.poll(Duration.ofMillis(50)).isEmpty()) {
                check(System.currentTimeMillis() < deadline, "no record");
            }
            for (boolean commit : List.of(false, true)) {
                producer.beginTransaction();
                long offset = commit ? 2 : 1;
                producer.sendOffsetsToTransaction(
                        Map.of(partition, new OffsetAndMetadata(offset, "m")), consumer.groupMetadata());
                if (commit) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
                OffsetAndMetadata found = consumer.committed(Set.of(partition)).get(partition);
                equal(found == null ? -1L : found.offset(), commit ? 2L : -1L);
            }
        }
    }

    private void fencing() throws Exception {
        String topic = newTopic(1);
        try (KafkaProducer<String, String> old = producer(topic, 60_000);
                KafkaProducer<String, String> young = producer(topic, 60_000)) {
            old.initTransactions();
            old.beginTransaction();
            old.send(new ProducerRecord<>(topic, 0, "k", "old")).get();
            young.initTransactions();
            young.beginTransaction();
            young.send(new ProducerRecord<>(topic, 0, "k", "young"));
            young.commitTransaction();
            try {
                old.send(new ProducerRecord<>(topic, 0, "k", "old again"));
                old.commitTransaction();
                check(false, "the old producer was not fenced");
            } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                // As it should be.
            }
        }
        equal(values(topic, 0, "read_committed", 1), List.of("young"));
    }

    private void timeout() throws Exception {
        String topic = newTopic(1);
        try (KafkaProducer<String, String> producer = producer(topic, 500);
                KafkaProducer<String, String> other = producer(topic + "-other", 60_000)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, "k", "late")).get();
            other.initTransactions();
            other.beginTransaction();
            other.send(new ProducerRecord<>(topic, 0, "k", "other"));
            other.commitTransaction();
            equal(values(topic, 0, "read_committed", 1), List.of("other"));
            try {
                producer.commitTransaction();
                check(false, "a transaction that was aborted could be committed");
            } catch (KafkaException expected) {
                // As it should be.
            }
        }
    }

    private void timeoutTooLong() {
        try (KafkaProducer<String, String> producer = producer("too-long", 1_000_000_000)) {
            producer.initTransactions();
            check(false, "a timeout that is too long was taken");
        } catch (KafkaException expected) {
            // The client has no class for this error code here, but its words.
            check(expected.getMessage().contains("transaction.max.timeout.ms"), "wrong error: " + expected);
        }
    }

    private void describe() throws Exception {
        String topic = newTopic(2);
        try (KafkaProducer<String, String> producer = producer(topic, 12_345)) {
            producer.initTransactions();
            equal(describe(topic).state(), TransactionState.EMPTY);
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 1, "k", "v")).get();
            TransactionDescription found = describe(topic);
            equal(found.state(), TransactionState.ONGOING);
            equal(found.transactionTimeoutMs(), 12_345L);
            equal(found.topicPartitions(), Set.of(new TopicPartition(topic, 1)));
            check(found.transactionStartTimeMs().isPresent(), "no start time");
            check(admin.listTransactions().all().get().stream()
                            .anyMatch(each -> each.transactionalId().equals(topic)
                                    && each.producerId() == found.producerId()),
                    "not listed");
            ProducerState state = admin.describeProducers(List.of(new TopicPartition(topic, 1)))
                    .all().get().get(new TopicPartition(topic, 1)).activeProducers().get(0);
            equal(state.producerId(), found.producerId());
            equal(state.currentTransactionStartOffset().getAsLong(), 0L);
            producer.commitTransaction();
            equal(endedState(topic), TransactionState.COMPLETE_COMMIT);
        }
        try {
            describe("nobody");
            check(false, "an unknown id was described");
        } catch (ExecutionException error) {
            check(error.getCause() instanceof TransactionalIdNotFoundException, "" + error.getCause());
        }
    }

    private void abortByAdmin() throws Exception {
        String topic = newTopic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        KafkaProducer<String, String> producer = producer(topic, 60_000);
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, "k", "hanging")).get();
        ProducerState state = describeProducers(topic).get(0);
        admin.abortTransaction(new AbortTransactionSpec(
                        partition,
                        state.producerId(),
                        (short) state.producerEpoch(),
                        state.coordinatorEpoch().orElse(0)))
                .all().get();
        check(describeProducers(topic).get(0).currentTransactionStartOffset().isEmpty(), "it is still open");
        producer.close(Duration.ZERO);
    }

    private void fenceByAdmin() throws Exception {
        String topic = newTopic(1);
        try (KafkaProducer<String, String> producer = producer(topic, 60_000)) {
            producer.initTransactions();
            admin.fenceProducers(List.of(topic)).all().get();
            producer.beginTransaction();
            try {
                producer.send(new ProducerRecord<>(topic, 0, "k", "v"));
                producer.commitTransaction();
                check(false, "the producer was not fenced");
            } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                // As it should be.
            }
        }
    }

    private void streamsExactlyOnce() throws Exception {
        String input = newTopic(2);
        String output = newTopic(2);
        int records = 200;
        try (KafkaProducer<String, String> producer = producer(input, 60_000)) {
            producer.initTransactions();
            for (boolean commit : List.of(true, false)) {
                producer.beginTransaction();
                for (int i = 0; i < records; i++) {
                    producer.send(new ProducerRecord<>(input, "k" + i % 7, commit ? "one word" : "void"));
                }
                producer.flush();
                if (commit) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
            }
        }
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input)
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .groupBy((key, word) -> word)
                .count()
                .toStream()
                .mapValues(count -> Long.toString(count))
                .to(output, Produced.with(Serdes.String(), Serdes.String()));
        // Twice, so that the second one restores what the first has left.
        String state = Files.createTempDirectory("judge-streams").toString();
        for (int run = 0; run < 2; run++) {
            Properties settings = new Properties();
            settings.putAll(Map.of(
                    "application.id", input + "-app",
                    "bootstrap.servers", bootstrap,
                    "processing.guarantee", "exactly_once_v2",
                    "default.key.serde", Serdes.StringSerde.class,
                    "default.value.serde", Serdes.StringSerde.class,
                    "statestore.cache.max.bytes", 0,
                    "auto.offset.reset", "earliest",
                    "state.dir", state + run));
            int expected = records * (run + 1);
            try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
                streams.start();
                Map<String, String> counts = latest(output, Map.of("one", "" + expected, "word", "" + expected));
                equal(counts, Map.of("one", "" + expected, "word", "" + expected));
            }
            try (KafkaProducer<String, String> producer = producer(input, 60_000)) {
                producer.initTransactions();
                producer.beginTransaction();
                for (int i = 0; i < records; i++) {
                    producer.send(new ProducerRecord<>(input, "k" + i % 7, "one word"));
                }
                producer.commitTransaction();
            }
        }
    }

    private Map<String, String> latest(String topic, Map<String, String> wanted) {
        Map<String, String> found = new HashMap<>();
        try (KafkaConsumer<String, String> consumer = consumer("read_committed", null)) {
            List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long deadline = System.currentTimeMillis() + TIMEOUT_MS;
            while (!found.equals(wanted) && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    found.put(record.key(), record.value());
                }
            }
        }
        return found;
    }

    private TransactionDescription describe(String transactionalId) throws Exception {
        return admin.describeTransactions(List.of(transactionalId)).description(transactionalId).get();
    }

    /** The state once the markers are written, which a coordinator may do after it has answered. */
    private TransactionState endedState(String transactionalId) throws Exception {
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        TransactionState state = describe(transactionalId).state();
        while (state == TransactionState.PREPARE_COMMIT && System.currentTimeMillis() < deadline) {
            Thread.sleep(20);
            state = describe(transactionalId).state();
        }
        return state;
    }

    private List<ProducerState> describeProducers(String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        return admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
    }

    private List<String> values(String topic, int partition, String isolation, int count) {
        List<String> found = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer(isolation, null)) {
            TopicPartition only = new TopicPartition(topic, partition);
            consumer.assign(List.of(only));
            consumer.seekToBeginning(List.of(only));
            long end = -1;
            long deadline = System.currentTimeMillis() + TIMEOUT_MS;
            while (found.size() < count || consumer.position(only) < end) {
                check(System.currentTimeMillis() < deadline, "only " + found);
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(50))) {
                    found.add(record.value());
                }
                end = consumer.endOffsets(List.of(only)).get(only);
            }
        }
        return found;
    }

    private KafkaProducer<String, String> producer(String transactionalId, int timeoutMs) {
        return new KafkaProducer<>(
                Map.of(
                        "bootstrap.servers", bootstrap,
                        "transactional.id", transactionalId,
                        "transaction.timeout.ms", timeoutMs,
                        "delivery.timeout.ms", 20_000,
                        "request.timeout.ms", 10_000,
                        "max.block.ms", 20_000),
                new StringSerializer(),
                new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(String isolation, String group) {
        Map<String, Object> settings = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap,
                "isolation.level", isolation,
                "auto.offset.reset", "earliest",
                "enable.auto.commit", false));
        if (group != null) {
            settings.put("group.id", group);
        }
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private String newTopic(int partitions) throws Exception {
        String name = "transactions-" + names++;
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
        return name;
    }

    private static void equal(Object found, Object wanted) {
        check(Objects.equals(found, wanted), "found " + found + ", not " + wanted);
    }

    private static void check(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }
}
