export { renewable } from './renewable.js'
