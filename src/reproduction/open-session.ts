import { classifierShape, findDataset } from "../data/datasets.js";
import { prepareDataset } from "../data/prepare.js";
import { openDataset, readStoreRecord, type Dataset, type StoreRecord } from "../data/store.js";
import { InputError } from "../errors.js";
import { openModel, type Model } from "../model/model.js";
import { openLedger } from "./ledger.js";
import { finishedRuns } from "./run-store.js";
import type { Places, WorkEvents, WorkSession } from "./session.js";
import { resolved } from "./teachers.js";

/** A session that has to be closed. */
export interface OpenSession extends WorkSession {
  close(): void;
}

/**
 * Opens what the jobs of one process share. No engine starts.
 *
 * @param folderOf The directory of the run that a job trained.
 * @throws {InputError} if the data set is not there.
 */
export async function openSession(
  dataset: string,
  places: Places,
  events: WorkEvents,
  folderOf: (job: string) => string,
): Promise<OpenSession> {
  const record = await storeRecord(dataset, places, events);
  const shape = classifierShape(findDataset(dataset, places.dataDir));
  let opened: Dataset | undefined;
  let finished: Map<string, string> | undefined;
  const loading = new Map<string, Promise<Model>>();
  const loaded: Model[] = [];
  const load = async (named: string): Promise<Model> => {
    const { reference } = resolved(named, session);
    const model = await openModel(reference, { dataset: shape, device: places.device });
    loaded.push(model);
    return model;
  };
  const session: WorkSession = {
    ...{ places, events, record, shape, folderOf },
    ledger: openLedger(),
    teachers: new Map(),
    finished: () => (finished ??= finishedRuns(places.runsDir, places.dataDir)),
    dataset: () => (opened ??= openDataset(dataset, places.dataDir)),
    surrogate(named) {
      const model = loading.get(named) ?? load(named);
      loading.set(named, model);
      return model;
    },
  };
  return {
    ...session,
    close() {
      for (const model of loaded) model.dispose();
    },
  };
}

async function storeRecord(dataset: string, { dataDir }: Places, events: WorkEvents): Promise<StoreRecord> {
  const onWait = (holder: string): void =>
    events.onMessage(`waiting for another mtard that is packing the data (${holder})`);
  if (dataset === "demo") await prepareDataset("demo", dataDir, { onWait });
  const record = readStoreRecord(dataset, dataDir);
  if (record) return record;
  throw new InputError(`data set ${dataset} is not there yet`, {
    expected: `it in ${dataDir}`,
    fix: `mtard data ${dataset}`,
  });
}
