/** Calls the addon. Only this folder does, and it turns every error of the addon into one of our classes. */
import { isMainThread } from 'node:worker_threads';

import { isDebugged } from '../diagnostics/debug.js';
import { addon, binaries, translated } from './addon.js';
import { findHelper } from './loader.js';

/** Where the addon is. */
export const addonPath: string = binaries.addon;
/** Where the helper executable is. */
export const helperPath: string = findHelper(binaries);
addon.setHelper(helperPath, process.env['SHAREABLE_LEAKS'] !== 'silent', isDebugged);

export const processSegments = translated(addon.processSegments);
export const publishDraft = translated(addon.publishDraft);
export const dropDraft = translated(addon.dropDraft);
export const enterOnce = translated(addon.enterOnce);
export const leaveOnce = translated(addon.leaveOnce);
export const cancelCreation = translated(addon.cancelCreation);

export const findArray = translated(addon.findArray);
/** The constants of the array's layout, as Rust has them. */
export const arrayLayout = addon.arrayLayout();

export const lockEnvironment = translated(addon.lockEnvironment);
export const createLock = translated(addon.createLock);
export const attachLock = translated(addon.attachLock);
export const createOrAttachLock = translated(addon.createOrAttachLock);
export const lockBuffer = translated(addon.lockBuffer);
export const lockWant = translated(addon.lockWant);
export const lockUnwant = translated(addon.lockUnwant);
export const lockTake = translated(addon.lockTake);
export const lockAlarm = translated(addon.lockAlarm);
export const lockSilence = translated(addon.lockSilence);
export const closeLock = translated(addon.closeLock);
export const lockFacts = translated(addon.lockFacts);
export const unlinkLock = translated(addon.unlinkLock);
export const disposeLock = translated(addon.disposeLock);

export const findChannel = translated(addon.findChannel);
export const createChannel = translated(addon.createChannel);
export const attachChannel = translated(addon.attachChannel);
export const channelBuffer = translated(addon.channelBuffer);
export const lendChannelBuffer = translated(addon.lendChannelBuffer);
export const channelEnter = translated(addon.channelEnter);
export const channelLeave = translated(addon.channelLeave);
export const channelMustStandBack = translated(addon.channelMustStandBack);
export const channelNotify = translated(addon.channelNotify);
export const channelLook = translated(addon.channelLook);
export const channelArm = translated(addon.channelArm);
export const channelWait = translated(addon.channelWait);
export const channelJoin = translated(addon.channelJoin);
export const channelEnd = translated(addon.channelEnd);
export const channelShutdown = translated(addon.channelShutdown);
export const channelMourn = translated(addon.channelMourn);
export const channelPeers = translated(addon.channelPeers);
export const channelBegin = translated(addon.channelBegin);
export const channelSkip = translated(addon.channelSkip);
export const channelReceivePart = translated(addon.channelReceivePart);
export const channelSendPart = translated(addon.channelSendPart);
export const closeChannel = translated(addon.closeChannel);
export const channelFacts = translated(addon.channelFacts);
export const unlinkChannel = translated(addon.unlinkChannel);
export const disposeChannel = translated(addon.disposeChannel);
export const channelEnvironment = translated(addon.channelEnvironment);

export const findGate = translated(addon.findGate);
export const createGate = translated(addon.createGate);
export const attachGate = translated(addon.attachGate);
export const gateBuffer = translated(addon.gateBuffer);
export const gateCheck = translated(addon.gateCheck);
export const gateTry = translated(addon.gateTry);
export const gateWait = translated(addon.gateWait);
export const gateArm = translated(addon.gateArm);
export const gateRest = translated(addon.gateRest);
export const gateGive = translated(addon.gateGive);
export const gateLeave = translated(addon.gateLeave);
export const gateSet = translated(addon.gateSet);
export const gateNotify = translated(addon.gateNotify);
export const gateArrive = translated(addon.gateArrive);
export const gateOutcome = translated(addon.gateOutcome);
export const gateShatter = translated(addon.gateShatter);
export const gateMend = translated(addon.gateMend);
export const gateRead = translated(addon.gateRead);
export const gateWrite = translated(addon.gateWrite);
export const closeGate = translated(addon.closeGate);
export const unlinkGate = translated(addon.unlinkGate);
export const disposeGate = translated(addon.disposeGate);
export const gateEnvironment = translated(addon.gateEnvironment);
export const gateFacts = translated(addon.gateFacts);

export const createManager = translated(addon.createManager);
export const startManager = translated(addon.startManager);
export const connectManager = translated(addon.connectManager);
export const managerList = translated(addon.managerList);
export const endManager = translated(addon.endManager);
export const endManagerLater = translated(addon.endManagerLater);

/** The constants of the list's layout, from Rust. */
export const layout = addon.listLayout();

/** The constants of the channel's layout, as Rust has them. */
export const channelLayout = addon.channelLayout();

/** The constants of the layout of semaphores, events and the like, as Rust has them. */
export const gateLayout = addon.gateLayout();

/** A counter that changes whenever a segment of this process is found truncated. */
export const losses: Uint32Array = new Uint32Array(translated(addon.segmentLosses)());

// Node replaces the process's handler when the program begins or ceases to listen to this signal; its own listeners for
// these two events come first. Only the main thread listens to signals.
if (isMainThread && process.platform !== 'win32') {
  for (const change of ['newListener', 'removeListener']) {
    process.on(change, (event) => {
      if (event === 'SIGBUS') addon.renewFaultHandler();
    });
  }
}

/** Bytes per memory page: 4096 on most machines, 16384 on Apple silicon. */
export const pageSize: number = addon.pageSize();

export * from './locks.js';
export * from './segments.js';
export type {
  NativeArray,
  NativeChannel,
  NativeChannelSummary,
  NativeGate,
  NativeGateSummary,
  NativeLock,
  NativeManager,
  NativeOutcome,
} from './native.js';
